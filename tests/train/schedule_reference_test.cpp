#include "resolved.h"
#include "tensors.h"
#include "train/schedules/schedules.h"

#include <catch2/catch.hpp>

namespace selfsup::train {
namespace {

void compare(const Json& part, const char* key, Quantity quantity) {
  REQUIRE(!part.as_array().empty());
  for (const Json& c : part.as_array()) {
    INFO(c.get("name").as_string() << " " << key);
    const int64_t epoch = c.get("epoch_length").as_int(), epochs = c.get("max_epochs").as_int();
    const Json config = test::resolved_list(scheduler_types(), c.get("param_scheduler"));
    Schedules schedules(config, {epoch, epoch * epochs, epochs});
    const double base = c.get(std::string("base_") + key).as_double();
    const auto& iterations = c.get("iteration").as_array();
    const auto& values = c.get(key).as_array();
    REQUIRE(iterations.size() == values.size());
    double worst = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double got = schedules.value(quantity, base, iterations[i].as_int());
      worst = std::max(worst, std::abs(got - values[i].as_double()) / base);
    }
    CHECK(worst <= 1e-10);
    // A resumed run asks for its first iteration without having asked for those before.
    Schedules resumed(config, {epoch, epoch * epochs, epochs});
    const int64_t middle = iterations[iterations.size() / 2].as_int();
    CHECK(resumed.value(quantity, base, middle) == schedules.value(quantity, base, middle));
  }
}

}  // namespace

TEST_CASE("schedules equal MMEngine's at every recorded iteration") {
  for (const auto& file : reference::family("lr_schedules", ".json")) {
    const Json all = read_json_file(file, "test");
    compare(all.get("configs"), "lr", Quantity::lr);
    compare(all.get("generic"), "lr", Quantity::lr);
    compare(all.get("momentum"), "lr", Quantity::lr);
    compare(all.get("momentum"), "momentum", Quantity::momentum);
    compare(all.get("weight_decay"), "weight_decay", Quantity::weight_decay);
  }
}

}  // namespace selfsup::train
