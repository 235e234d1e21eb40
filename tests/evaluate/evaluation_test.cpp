#include "evaluate/probe_sets.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/errors.h"
#include "data/loader/loader.h"
#include "evaluate/samples.h"
#include "resolved.h"

namespace selfsup::evaluate {
namespace {

class SomeBad : public data::Dataset {
 public:
  SomeBad(int64_t size, std::set<int64_t> bad) : size_(size), bad_(std::move(bad)) {}
  using Dataset::load;
  int64_t size() const override { return size_; }
  int channels() const override { return 1; }
  std::string describe(int64_t index) const override { return std::to_string(index); }
  void load(int64_t index, data::Image& out) const override {
    if (bad_.contains(index)) throw data::BadImage("broken");
    out.reshape(1, 1, 1);
    out.pixels[0] = static_cast<uint8_t>(index);
  }

 private:
  int64_t size_;
  std::set<int64_t> bad_;
};

std::vector<int64_t> chosen(int64_t size, std::set<int64_t> bad, int64_t count) {
  std::vector<int64_t> out;
  const data::Batch batch = spread_batch(SomeBad(size, std::move(bad)), data::Pipeline(), count, 0, 0);
  for (int64_t i = 0; i < batch.size; ++i) {
    const int64_t index = batch.sample_index.at(static_cast<size_t>(i));
    CHECK(batch.views.at(0).pixels.get()[i] == index);
    out.push_back(index);
  }
  return out;
}

}  // namespace

TEST_CASE("samples to show are spread over the set, and a bad one gives way to its neighbour") {
  using Indices = std::vector<int64_t>;
  CHECK(chosen(40, {}, 4) == Indices{0, 10, 20, 30});
  CHECK(chosen(40, {10, 11}, 4) == Indices{0, 12, 20, 30});
  CHECK(chosen(4, {0}, 4) == Indices{1, 2, 3});
  CHECK(chosen(3, {}, 8) == Indices{0, 1, 2});
  CHECK(chosen(2, {0, 1}, 8).empty());
}

TEST_CASE("samples to show are what training sees of them, with every view and field") {
  class Marked : public data::Transform {
   public:
    void apply(data::Sample& sample, data::SampleRandom& random) const override {
      data::Image second = sample.views.front().pixels();
      random.view(1);
      second.pixels[0] = static_cast<uint8_t>(random.below(256));
      sample.views.push_back(second);
      const double drawn = random.uniform();
      const auto* bytes = reinterpret_cast<const std::byte*>(&drawn);
      sample.set_field({"drawn", 1, data::FieldType::f64, {}, {bytes, bytes + sizeof drawn}});
    }
  };
  const data::Pipeline pipeline(Json(Json::Array{Json(Json::Object{{"type", "Marked"}})}),
                                [](const Json&) { return std::make_unique<Marked>(); });
  const SomeBad set(6, {});
  data::Loader loader(set, pipeline, {.batch_size = 6, .shuffle = false, .seed = 9});
  for (const uint64_t epoch : {0, 3}) {
    data::Batch trained;
    loader.start(epoch);
    REQUIRE(loader.next(trained));
    const data::Batch shown = spread_batch(set, pipeline, 6, 9, epoch);
    CHECK(shown.sample_index == trained.sample_index);
    REQUIRE(shown.views.size() == 2);
    REQUIRE(shown.fields.size() == 1);
    for (size_t view = 0; view < 2; ++view)
      CHECK(std::equal(shown.views[view].pixels.get(), shown.views[view].pixels.get() + 6,
                       trained.views.at(view).pixels.get()));
    CHECK(std::equal(shown.fields[0].data.get(), shown.fields[0].data.get() + 6 * sizeof(double),
                     trained.fields.at(0).data.get()));
  }
}

TEST_CASE("a probe whose sets do not speak of the same classes is refused") {
  std::string pattern = (std::filesystem::temp_directory_path() / "selfsup-probe-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()));
  const std::filesystem::path root = pattern;
  const auto folder = [&](const char* name, std::vector<std::string> classes) {
    for (const std::string& one : classes) {
      std::filesystem::create_directories(root / name / one);
      std::ofstream(root / name / one / "a.png") << "x";
    }
    return test::resolved(data::dataset_types(),
                          Json::Object{{"type", "image_folder"}, {"data_root", (root / name).string()}});
  };
  config::ProbeConfig probe;
  probe.dataset = folder("bank", {"cat", "dog"});
  probe.test_dataset = folder("same", {"cat", "dog"});
  CHECK(open_probe_sets(probe).queries->class_count() == 2);
  const auto refusal = [&](Json queries) {
    probe.test_dataset = std::move(queries);
    try {
      open_probe_sets(probe);
    } catch (const Error& error) {
      CHECK(error.exit() == Exit::usage);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(refusal(folder("other", {"cat", "owl"})), Catch::Contains("owl"));
  CHECK_THAT(refusal(folder("more", {"cat", "dog", "owl"})), Catch::Contains("3"));
  CHECK_THAT(refusal(folder("none", {"cat"})), Catch::Contains("test_dataset has no labels"));
  std::filesystem::remove_all(root);
}

}  // namespace selfsup::evaluate
