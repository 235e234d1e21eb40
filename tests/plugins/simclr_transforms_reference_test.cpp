// The transforms of simclr.so with numbers that leave nothing to chance, against values recorded from Pillow,
// torchvision and MMSelfSup.
#include <catch2/catch.hpp>

#include "bridge/components/transform.h"
#include "data/transforms/pipeline.h"
#include "images.h"
#include "support/fixture.h"

using namespace selfsup;
using reference::compare;
using reference::each_image_case;

namespace {

data::Image through(const data::Image& image, const std::string& step) {
  const plugin::Registry& registry = selfsup::testing::registry();
  registry.load(SELFSUP_BINARY_DIR "/lib/selfsup/plugins/simclr.so");
  const data::Pipeline pipeline(parse_json("[" + step + "]", "test", "file"), bridge::transform_factory(registry, {}));
  data::Sample sample;
  sample.start(0, -1, 0) = image;
  data::SampleRandom random(1, 0, 0);
  pipeline.apply(sample, random);
  return sample.views.at(0).image();
}

std::string number(const Json& c, const char* key) { return to_text(c.get(key)); }

}  // namespace

TEST_CASE("ColorJitter: each of its four changes equals Pillow's, or torchvision's", "[reference]") {
  each_image_case("jitter", [](const Json& c, const data::Image& in, const auto& recorded) {
    const std::string f = number(c, "factor");
    const std::string step = R"({"type": "ColorJitter", ")" + c.get("op").as_string() + "\": [" + f + ", " + f + "]";
    CHECK(compare(through(in, step + "}"), *recorded("pillow")).largest == 0);
    CHECK(compare(through(in, step + R"(, "backend": "torchvision"})"), *recorded("uint8")).largest == 0);
  });
}

TEST_CASE("grey, solarize and blur equal MMSelfSup's, Pillow's and torchvision's", "[reference]") {
  each_image_case("filter", [](const Json& c, const data::Image& in, const auto& recorded) {
    const std::string op = c.get("op").as_string();
    const auto same = [&](const std::string& step, const char* name) {
      data::Image got = through(in, step);
      const data::Image want = *recorded(name);
      if (want.channels == 1) got = reference::grey_plane(got, 0);  // recorded with one channel or three
      return compare(got, want);
    };
    if (op == "rgb_to_grayscale") {
      CHECK(same(R"({"type": "RandomGrayscale", "prob": 1, "backend": "pillow"})", "pillow").largest == 0);
      CHECK(same(R"({"type": "RandomGrayscale", "prob": 1, "backend": "torchvision"})", "uint8").largest == 0);
      for (const char* weights : {R"([0.114, 0.587, 0.2989])", R"([0.2989, 0.587, 0.114], "color_format": "rgb")"})
        CHECK(same(R"({"type": "RandomGrayscale", "prob": 1, "channel_weights": )" + std::string(weights) + "}",
                   "mmselfsup_simclr")
                  .largest == 0);
    }
    if (op == "solarize")
      for (const char* type : {"RandomSolarize", "Solarize"})
        CHECK(
            same(R"({"type": ")" + std::string(type) + R"(", "prob": 1, "threshold": )" + number(c, "threshold") + "}",
                 "pillow")
                .largest == 0);
    if (op == "gaussian_blur") {
      const std::string s = number(c, "sigma"), range = R"(, "prob": 1, "sigma_min": )" + s + ", \"sigma_max\": " + s;
      for (const char* type : {"RandomGaussianBlur", "GaussianBlur"}) {
        const std::string step = R"({"type": ")" + std::string(type) + "\"" + range;
        CHECK(same(step + "}", "mmselfsup_pillow").largest == 0);
        const auto other =
            same(step + R"(, "backend": "torchvision", "kernel_size": )" + number(c, "kernel_size") + "}", "uint8");
        CHECK(other.largest <= 1);  // its sums are LibTorch's, in an order of their own
        CHECK(other.share <= 0.02);
      }
    }
  });
}
