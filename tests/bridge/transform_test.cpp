// Transforms of plugins in the data pipeline: images, fields, random numbers, worker threads.
#include "bridge/components/transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/errors.h"
#include "bridge/support/window.h"
#include "data/loader/loader.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

data::Sample sample_of(int64_t index) {
  data::Sample s;
  data::Image& image = s.start(index, -1, 0);
  image.reshape(3, 2, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(i + static_cast<size_t>(index));
  return s;
}

int64_t drawn(const data::Sample& s) {
  int64_t value = 0;
  std::memcpy(&value, s.fields.at(0).bytes.data(), sizeof value);
  return value;
}

}  // namespace

TEST_CASE("a file that turns out to be damaged when a transform asks for pixels is a bad image") {
  Host host;
  plugin::Registry registry(host.table());
  registry.load(SELFSUP_BRIDGE_PROBE);
  const auto transform = transform_factory(registry, {})(parse_json(R"({"type": "ProbeInvert"})", "t", "file"));
  // A PNG of 1 x 1 pixels, whose pixels have a wrong checksum.
  static const uint8_t bytes[] = {0x89, 'P', 'N', 'G', 13, 10,  26,  10,  0,   0,    0,    13,   'I', 'H',  'D',  'R',
                                  0,    0,   0,   1,   0,  0,   0,   1,   8,   0,    0,    0,    0,   0x3a, 0x7e, 0x9b,
                                  0x55, 0,   0,   0,   4,  'I', 'D', 'A', 'T', 1,    2,    3,    4,   5,    6,    7,
                                  8,    0,   0,   0,   0,  'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
  data::Sample sample;
  data::ImageSource& source = sample.open(0, -1, 0);
  source.file().assign(std::begin(bytes), std::end(bytes));
  source.open({});
  data::SampleRandom random(1, 0, 0);
  try {
    transform->apply(sample, random);
    FAIL("the pixels were taken for sound");
  } catch (const data::BadImage& e) {
    CHECK_THAT(e.what(), Contains("sample.get: damaged PNG"));
  }
}

TEST_CASE("a plugin's transform changes samples, on any thread") {
  Host host;
  plugin::Registry registry(host.table());
  registry.load(SELFSUP_BRIDGE_PROBE);
  const data::TransformFactory factory = transform_factory(registry, {});
  CHECK(factory(parse_json(R"({"type": "Nobody"})", "t", "file")) == nullptr);
  const auto transform = factory(parse_json(R"({"type": "ProbeInvert"})", "t", "file"));
  REQUIRE(transform);

  // Its sizes are its own affair.
  CHECK((transform->extents({data::Extent{3, 2}}) == std::vector<data::Extent>{data::Extent{}}));

  data::Sample alone = sample_of(4);
  data::SampleRandom random(1, 0, 4);
  transform->apply(alone, random);
  REQUIRE(alone.views.size() == 2);
  CHECK(alone.views[0].image().pixels[0] == 255 - 4);
  CHECK(alone.views[1].image().channels == 1);
  CHECK(alone.views[1].image().pixels == std::vector<uint8_t>(4, 7));
  REQUIRE(alone.fields.size() == 1);
  CHECK(alone.fields[0].name == "drawn");
  CHECK(alone.fields[0].type == data::FieldType::i64);

  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        data::Sample s = sample_of(t);
        data::SampleRandom r(1, 0, t);
        transform->apply(s, r);
        data::SampleRandom again(1, 0, t);
        wrong += s.views[0].image().pixels[1] != 255 - 1 - t || drawn(s) != static_cast<int64_t>(again.next() >> 1);
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("a transform that fails is named") {
  Host host;
  plugin::Registry registry(host.table());
  registry.load(SELFSUP_BRIDGE_PROBE);
  // Whatever status it gives: the configuration was accepted when it was created.
  const auto [fault, text] = GENERATE(
      table<std::string, std::string>({{"fail", "the transform was told to fail"}, {"config", "no such image"}}));
  const auto transform =
      transform_factory(registry, {})(parse_json(R"({"type": "ProbeInvert", "fault": ")" + fault + "\"}", "t", "file"));
  data::Sample s = sample_of(0);
  data::SampleRandom random(1, 0, 0);
  try {
    transform->apply(s, random);
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.what() == "transform (ProbeInvert of bridge_probe).apply: " + text);
    CHECK(e.exit() == Exit::plugin);
  }
}

namespace {

// 4 x 4 pixels of the value of the index.
class Plain : public data::Dataset {
 public:
  int64_t size() const override { return 40; }
  int channels() const override { return 1; }
  std::string describe(int64_t i) const override { return fmt::format("plain {}", i); }
  void load(int64_t i, data::Image& out) const override {
    out.reshape(4, 4, 1);
    std::fill(out.pixels.begin(), out.pixels.end(), static_cast<uint8_t>(i));
  }
};

std::string policy(const std::string& fault) { return R"([{"type": "ProbePolicy", "fault": ")" + fault + "\"}]"; }

}  // namespace

TEST_CASE("a policy in edits only makes views, and a sample that it calls bad is replaced") {
  Host host;
  plugin::Registry registry(host.table());
  registry.load(SELFSUP_BRIDGE_PROBE);
  const data::TransformFactory factory = transform_factory(registry, {});
  const data::Pipeline pipeline(parse_json(policy("sample"), "t", "file"), factory);
  const Plain set;
  const std::vector<data::ImageShape> shapes = pipeline.output_shapes(set.data::Dataset::load(0));
  CHECK((shapes == std::vector<data::ImageShape>{{2, 2, 1}, {2, 2, 1}}));
  data::Loader loader(set, pipeline, {.batch_size = 8, .num_workers = 2, .max_bad_fraction = 0.2});
  loader.start(0);
  data::Batch batch;
  int64_t seen = 0;
  while (loader.next(batch)) {
    for (int64_t row = 0; row < batch.size; ++row, ++seen) {
      const int64_t index = batch.sample_index[static_cast<size_t>(row)];
      CHECK(index % 10 != 3);
      CHECK(batch.views.at(0).pixels.get()[4 * row] == index);
      CHECK(batch.views.at(1).pixels.get()[4 * row + 3] == 255 - index);
    }
  }
  CHECK(seen == 40);
  REQUIRE(loader.bad().files.size() == 4);
  for (const data::BadFile& bad : loader.bad().files) {
    CHECK(bad.path == fmt::format("plain {}", bad.index));
    CHECK(bad.reason == "transform (ProbePolicy of bridge_probe).apply: too dark");
  }
}

TEST_CASE("edits that were not asked for, and kinds that nobody draws, are refused") {
  Host host;
  plugin::Registry registry(host.table());
  registry.load(SELFSUP_BRIDGE_PROBE);
  const data::TransformFactory factory = transform_factory(registry, {});
  CHECK_THROWS_WITH(data::Pipeline(parse_json(policy("kind"), "t", "file"), factory),
                    Contains("transform (ProbePolicy of bridge_probe).create: edit.need: this host does not draw edits "
                             "of kind 99"));
  const data::Pipeline pipeline(parse_json(policy("undeclared"), "t", "file"), factory);
  data::Sample sample = sample_of(0);
  data::SampleRandom random(1, 0, 0);
  CHECK_THROWS_WITH(pipeline.apply(sample, random),
                    Contains("transform (ProbePolicy of bridge_probe).apply: sample.edit: edit 0 of image 1 is blur "
                             "(kind 6), which this transform did not ask for"));
}

}  // namespace selfsup::bridge::testing
