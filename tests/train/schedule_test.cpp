#include <catch2/catch.hpp>

#include "resolved.h"
#include "train/schedules/schedules.h"

namespace selfsup::train {
namespace {

Json resolved(const std::string& text) {
  return test::resolved_list(scheduler_types(), parse_json(text, "test.json", "test"));
}

std::vector<double> values(const std::string& config, const RunLength& length, Quantity quantity = Quantity::lr) {
  Schedules schedules(resolved(config), length);
  std::vector<double> out;
  for (int64_t i = 0; i < length.max_iters; ++i) out.push_back(schedules.value(quantity, 1, i));
  return out;
}

std::string warning(const std::string& config, const RunLength& length) {
  return Schedules(resolved(config), length).unfinished_rise(0.5);
}

using Values = std::vector<double>;

// MMEngine 0.10.7's values for schedules of one and of two steps, in a run of four iterations, the base value 1.
struct Case {
  const char *type, *keys;
  Values one, two;
};
const Case cases[] = {
    {"LinearLR", R"("start_factor": 0.25)", {0.25, 0.25, 0.25, 0.25}, {0.25, 1, 1, 1}},
    {"ConstantLR", R"("factor": 0.5)", {0.5, 0.5, 0.5, 0.5}, {0.5, 1, 1, 1}},
    {"CosineAnnealingLR", R"("eta_min": 0)", {1, 1, 1, 1}, {1, 0.5, 0.5, 0.5}},
    {"CosineAnnealingLR", R"("eta_min": 0.5, "T_max": 1)", {1, 1, 1, 1}, {1, 0.5, 0.5, 0.5}},
    {"PolyLR", R"("eta_min": 0.25)", {1, 1, 1, 1}, {1, 0.25, 0.25, 0.25}},
    {"ExponentialLR", R"("gamma": 0.5)", {1, 1, 1, 1}, {1, 0.5, 0.5, 0.5}},
    {"StepLR", R"("step_size": 1, "gamma": 0.5)", {1, 1, 1, 1}, {1, 0.5, 0.5, 0.5}},
    {"MultiStepLR", R"("milestones": [1], "gamma": 0.5)", {1, 1, 1, 1}, {1, 0.5, 0.5, 0.5}},
};

std::string entry(const Case& c, int end) {
  return std::string(R"([{"type": ")") + c.type + R"(", "by_epoch": false, "end": )" + std::to_string(end) + ", " +
         c.keys + "}]";
}

}  // namespace

TEST_CASE("schedules of no, one and two steps") {
  for (const Case& c : cases) {
    INFO(c.type << " " << c.keys);
    const RunLength length{4, 4, 1};
    CHECK_THROWS_WITH(values(entry(c, 0), length), Catch::Contains("param_scheduler.0.begin"));
    const Values one = values(entry(c, 1), length), two = values(entry(c, 2), length);
    for (size_t i = 0; i < 4; ++i) {
      CHECK(one[i] == Approx(c.one[i]));
      CHECK(two[i] == Approx(c.two[i]));
    }
  }
}

TEST_CASE("schedules of no, one and two epochs of one iteration, converted") {
  const std::string converted = R"([{"type": "LinearLR", "start_factor": 0.5, "end": 2, "convert_to_iter_based": true},
      {"type": "CosineAnnealingLR", "begin": 2, "end": 4, "T_max": 2, "convert_to_iter_based": true}])";
  const Values got = values(converted, {1, 4, 4});
  const Values want = {0.5, 1, 1, 0.5};
  for (size_t i = 0; i < 4; ++i) CHECK(got[i] == Approx(want[i]));
  CHECK(warning(converted, {1, 4, 4}).empty());
}

TEST_CASE("a rise that has one step is told, with the rate that is reached") {
  const auto fitted = [](int warm_up, int64_t epoch, const char* counted) {
    const std::string end = std::to_string(warm_up);
    return warning(R"([{"type": "LinearLR", "start_factor": 0.001, )" + std::string(counted) + R"("end": )" + end +
                       R"(}, {"type": "CosineAnnealingLR", )" + counted + R"("begin": )" + end + "}]",
                   {epoch, 20 * epoch, 20});
  };
  const char *converted = R"("convert_to_iter_based": true, )", *iterations = R"("by_epoch": false, )";
  for (const std::string& text : {fitted(1, 1, converted), fitted(1, 5, iterations), fitted(1, 5, "")}) {
    CHECK_THAT(text, Catch::Contains("param_scheduler.0 (LinearLR)") && Catch::Contains("test.json:1:2") &&
                         Catch::Contains("one step") && Catch::Contains("0.0005 at most, not 0.5"));
  }
  const RunLength longest{1, 1'000'000'000, 1'000'000'000};  // that nobody walks through to look
  CHECK_THAT(warning(R"({"type": "LinearLR", "by_epoch": false, "end": 1})", longest),
             Catch::Contains("one step") && Catch::Contains("stays below 0.5"));
  CHECK(fitted(1, 2, converted).empty());
  CHECK(fitted(2, 1, converted).empty());
  CHECK(fitted(2, 5, iterations).empty());
  CHECK(fitted(2, 5, "").empty());
}

TEST_CASE("a run that ends within its warm-up is told what it reaches") {
  const std::string config = R"([{"type": "LinearLR", "start_factor": 0.1, "end": 4, "convert_to_iter_based": true},
      {"type": "CosineAnnealingLR", "begin": 4, "end": 10, "convert_to_iter_based": true}])";
  CHECK_THAT(warning(config, {5, 10, 2}), Catch::Contains("20 iterations") && Catch::Contains("this run has 10") &&
                                              Catch::Contains("0.2632 at most"));  // 0.5 (0.1 + 0.9 * 9 / 19)
  CHECK(!warning(config, {5, 19, 4}).empty());
  CHECK(warning(config, {5, 20, 4}).empty());
  CHECK(warning(config, {5, 50, 10}).empty());
  // Neither falls, nor comes later than the run's end, nor is of the learning rate.
  CHECK(warning(R"({"type": "LinearLR", "start_factor": 1.0, "end_factor": 0.5, "end": 99})", {5, 10, 2}).empty());
  CHECK(warning(R"({"type": "MultiStepLR", "milestones": [0], "end": 99})", {5, 10, 2}).empty());
  CHECK(warning(R"({"type": "ConstantLR", "begin": 2, "end": 99})", {5, 10, 2}).empty());
  CHECK(warning(R"({"type": "LinearMomentum", "end": 1})", {5, 10, 2}).empty());
  CHECK(!warning(R"({"type": "ConstantLR", "end": 99})", {5, 10, 2}).empty());
}

TEST_CASE("values that no schedule may reach are refused by their key") {
  for (const char* text : {R"({"type": "ExponentialLR", "gamma": -0.5})",
                           R"({"type": "CosineAnnealingLR", "eta_min": -1})", R"({"type": "PolyLR", "power": -1})"}) {
    INFO(text);
    CHECK_THROWS_WITH(resolved(text), Catch::Contains("-"));
  }
}

}  // namespace selfsup::train
