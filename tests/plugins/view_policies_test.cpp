// The example policies of views: transforms in edits only, written with the C++ layer.
#include <catch2/catch.hpp>

#include "bridge/components/transform.h"
#include "data/transforms/pipeline.h"
#include "support/fixture.h"

using namespace selfsup;

TEST_CASE("policies in edits change views as often as they say, each its own way, and the same in every run") {
  selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_view_policies.so");
  const data::Pipeline pipeline(parse_json(R"([{"type": "MultiView", "num_views": [1, 1], "transforms": [
                   [{"type": "ContrastivePolicy", "strength": 1}], [{"type": "SolarizedPolicy"}]]}])",
                                           "test", "file"),
                                bridge::transform_factory(selfsup::testing::registry(), {}));
  const auto made = [&](int64_t index) {
    data::Sample sample;
    data::Image& image = sample.start(index, -1, 0);
    image.reshape(9, 9, 3);
    KeyedRandom noise(1);
    for (uint8_t& p : image.pixels) p = static_cast<uint8_t>(noise.below(256));
    const data::Image before = image;
    data::SampleRandom random(3, 0, index);
    pipeline.apply(sample, random);
    REQUIRE(sample.views.size() == 2);
    std::vector<data::Image> views{before};
    for (const data::View& view : sample.views) views.push_back(view.image());
    return views;
  };
  const auto is_grey = [](const data::Image& image) {
    for (size_t i = 0; i < image.pixels.size(); i += 3)
      if (image.pixels[i] != image.pixels[i + 1] || image.pixels[i] != image.pixels[i + 2]) return false;
    return true;
  };
  int same = 0, untouched = 0, grey = 0;
  constexpr int kSamples = 400;
  for (int64_t index = 0; index < kSamples; ++index) {
    const std::vector<data::Image> views = made(index), again = made(index);
    for (size_t v : {1, 2}) CHECK(views[v].pixels == again[v].pixels);
    same += views[1].pixels == views[2].pixels;
    untouched += views[1].pixels == views[0].pixels;
    grey += is_grey(views[1]);
  }
  CHECK(same < kSamples / 20);
  CHECK(untouched == Approx(0.2 * 0.8 * 0.5 * kSamples).margin(15));
  CHECK(grey == Approx(0.2 * kSamples).margin(25));
}
