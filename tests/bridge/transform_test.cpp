// Transforms of plugins in the data pipeline: images, fields, random numbers, worker threads.
#include "bridge/components/transform.h"

#include <thread>

#include "base/errors.h"
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

data::Sample sample_of(int64_t index) {
  data::Sample s;
  s.index = index;
  data::Image& image = s.views.emplace_back();
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

TEST_CASE("a plugin's transform changes samples, on any thread") {
  Host host;
  plugin::Registry registry(host.table());
  registry.load(SELFSUP_BRIDGE_PROBE);
  const data::TransformFactory factory = transform_factory(registry, {});
  CHECK(factory(parse_json(R"({"type": "Nobody"})", "t", "file")) == nullptr);
  const auto transform = factory(parse_json(R"({"type": "ProbeInvert"})", "t", "file"));
  REQUIRE(transform);

  data::Sample alone = sample_of(4);
  data::SampleRandom random(1, 0, 4);
  transform->apply(alone, random);
  REQUIRE(alone.views.size() == 2);
  CHECK(alone.views[0].pixels[0] == 255 - 4);
  CHECK(alone.views[1].channels == 1);
  CHECK(alone.views[1].pixels == std::vector<uint8_t>(4, 7));
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
        wrong += s.views[0].pixels[1] != 255 - 1 - t || drawn(s) != static_cast<int64_t>(again.next() >> 1);
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

}  // namespace selfsup::bridge::testing
