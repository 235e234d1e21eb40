// The transforms of simclr.so by chance: how often, how much and in which order they act; in whose pipeline they stand;
// what they refuse.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "base/errors.h"
#include "bridge/components/transform.h"
#include "config/schema.h"
#include "data/transforms/pipeline.h"
#include "run/component_schemas.h"
#include "ssp/entry.h"
#include "support/fixture.h"

using namespace selfsup;
using Catch::Matchers::Contains;

namespace {

const plugin::Registry& registry() {
  const plugin::Registry& all = selfsup::testing::registry();
  all.load(SELFSUP_BINARY_DIR "/lib/selfsup/plugins/simclr.so");
  return all;
}

// As a run checks it: the first problem is thrown.
Json resolved(const std::string& steps) {
  Json list = parse_json("[" + steps + "]", "test", "file");
  const Json schema =
      config::parse_schema(R"({"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}})", "test");
  config::throw_if_any(config::validate(list, schema, "pipeline", run::component_schemas(registry())));
  return list;
}

class Drawn {
 public:
  explicit Drawn(const std::string& steps, const bridge::Facts& facts = {})
      : pipeline_(resolved(steps), bridge::transform_factory(registry(), facts)) {}
  std::vector<data::Image> operator()(const data::Image& image, int64_t index) const {
    data::Sample sample;
    sample.start(index, -1, 0) = image;
    data::SampleRandom random(7, 0, index);
    pipeline_.apply(sample, random);
    std::vector<data::Image> views;
    for (const data::View& view : sample.views) views.push_back(view.image());
    return views;
  }

 private:
  data::Pipeline pipeline_;
};

data::Image of_colour(int channels, std::vector<uint8_t> colour) {
  data::Image image;
  image.reshape(4, 4, channels);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = colour[i % colour.size()];
  return image;
}

// Noise, so that every change shows.
data::Image noise(int channels) {
  data::Image image;
  image.reshape(9, 9, channels);
  KeyedRandom random(3);
  for (uint8_t& p : image.pixels) p = static_cast<uint8_t>(random.below(256));
  return image;
}

// How many of `trials` samples the steps change.
int changed(const std::string& steps, const data::Image& image, int trials) {
  const Drawn drawn(steps);
  int count = 0;
  for (int i = 0; i < trials; ++i) count += drawn(image, i)[0].pixels != image.pixels;
  return count;
}

std::string refusal(const std::string& steps, const bridge::Facts& facts = {}) {
  try {
    const Drawn drawn(steps, facts);
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    return e.what();
  }
  return "not refused";
}

}  // namespace

TEST_CASE("each transform of simclr.so acts as often as it says") {
  const data::Image image = noise(3);
  constexpr int kTrials = 1000;
  for (const auto& [steps, prob] : std::vector<std::pair<std::string, double>>{
           {R"({"type": "RandomGrayscale", "prob": 0.2})", 0.2},
           {R"({"type": "RandomGrayscale"})", 0.1},
           {R"({"type": "RandomGaussianBlur", "sigma_min": 0.5, "sigma_max": 2, "prob": 0.3})", 0.3},
           {R"({"type": "GaussianBlur", "sigma_min": 0.5, "sigma_max": 2})", 0.5},
           {R"({"type": "RandomSolarize", "prob": 0.7})", 0.7},
           {R"({"type": "Solarize"})", 0.5},
           {R"({"type": "RandomApply", "prob": 0.8, "transforms": [{"type": "ColorJitter", "brightness": [2, 3]}]})",
            0.8},
           {R"({"type": "RandomApply", "prob": 0.5, "transforms": [{"type": "RandomApply", "prob": 0.4,
                "transforms": [{"type": "Solarize", "prob": 1}]}]})",
            0.2}}) {
    INFO(steps);
    CHECK(changed(steps, image, kTrials) ==
          Approx(prob * kTrials).margin(4.5 * std::sqrt(prob * (1 - prob) * kTrials)));
  }
  for (const char* never :
       {R"({"type": "Solarize", "prob": 0})", R"({"type": "ColorJitter"})", R"({"type": "Solarize", "threshold": 256})",
        R"({"type": "RandomGrayscale", "prob": 0})",
        R"({"type": "ColorJitter", "brightness": [1, 1], "contrast": 0, "saturation": 0.0, "hue": [0, 0]})"}) {
    INFO(never);
    CHECK(changed(never, image, 50) == 0);
  }
}

TEST_CASE("ColorJitter: a number x is a factor from max(0, 1 - x) to 1 + x, a list says itself") {
  const data::Image grey = of_colour(1, {100});
  const auto range = [&](const std::string& brightness) {
    const Drawn drawn(R"({"type": "ColorJitter", "brightness": )" + brightness + "}");
    int least = 255, most = 0;
    double sum = 0;
    for (int i = 0; i < 2000; ++i) {
      const int value = drawn(grey, i)[0].pixels[0];
      least = std::min(least, value), most = std::max(most, value), sum += value;
    }
    CHECK(sum / 2000 == Approx((least + most) / 2.0).margin(0.03 * (most - least)));  // 4.6 deviations of the mean
    return std::pair(least, most);
  };
  CHECK(range("0.5") == std::pair(50, 149));
  CHECK(range("1.5").first == 0);
  CHECK(range("[0.2, 0.4]") == std::pair(20, 39));
}

TEST_CASE("ColorJitter: the four changes come in each of their orders, equally often") {
  // Strong enough that every order gives another picture.
  const data::Image image = of_colour(3, {200, 60, 120, 30, 90, 250});
  const Drawn drawn(
      R"({"type": "ColorJitter", "brightness": [1.4, 1.4], "contrast": [0.6, 0.6], "saturation": [1.9, 1.9], "hue": [0.2, 0.2]})");
  std::map<std::string, int> pictures;
  constexpr int kTrials = 2400;
  for (int i = 0; i < kTrials; ++i) {
    const data::Image picture = drawn(image, i)[0];
    ++pictures[std::string(picture.pixels.begin(), picture.pixels.end())];
  }
  // Some orders agree in their pixels; none is rarer than one in 24.
  CHECK(pictures.size() > 12);
  for (const auto& [pixels, count] : pictures) CHECK(count > kTrials / 24 - 45);
}

TEST_CASE("views of an image draw numbers of their own, and one sample is the same in every run") {
  const std::string steps = R"({"type": "MultiView", "num_views": 2, "transforms": [[
      {"type": "ColorJitter", "brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2},
      {"type": "RandomGrayscale", "prob": 0.2}, {"type": "RandomGaussianBlur", "sigma_min": 0.1, "sigma_max": 2}]]})";
  const Drawn first(steps), second(steps);
  const data::Image image = noise(3);
  for (int i = 0; i < 40; ++i) {
    const auto views = first(image, i), again = second(image, i);
    REQUIRE(views.size() == 2);
    CHECK(views[0].pixels != views[1].pixels);
    for (size_t v : {0, 1}) CHECK(views[v].pixels == again[v].pixels);
  }
}

TEST_CASE("images of one channel have no colour: brightness, contrast, blur and solarize act, the others do not") {
  const data::Image image = noise(1);
  for (const char* none :
       {R"({"type": "RandomGrayscale", "prob": 1})", R"({"type": "ColorJitter", "saturation": 0.8, "hue": 0.5})"}) {
    INFO(none);
    CHECK(changed(none, image, 20) == 0);
  }
  for (const char* acts : {R"({"type": "ColorJitter", "brightness": [0.5, 0.5]})", R"({"type": "Solarize", "prob": 1})",
                           R"({"type": "ColorJitter", "contrast": [0.5, 0.5]})",
                           R"({"type": "GaussianBlur", "sigma_min": 1, "sigma_max": 1, "prob": 1})"}) {
    INFO(acts);
    CHECK(changed(acts, image, 20) == 20);
  }
}

TEST_CASE("transforms of simclr.so: what cannot be is refused at the start, with the key") {
  CHECK_THAT(refusal(R"({"type": "ColorJitter", "brightness": -0.1})"), Contains("pipeline.0.brightness"));
  CHECK_THAT(refusal(R"({"type": "ColorJitter", "hue": 0.6})"), Contains("pipeline.0.hue"));
  CHECK_THAT(refusal(R"({"type": "ColorJitter", "contrast": [1.2, 0.8]})"),
             Contains("`contrast`") && Contains("lower"));
  CHECK_THAT(refusal(R"({"type": "ColorJitter", "contrast": [1, 2, 3]})"), Contains("pipeline.0.contrast"));
  CHECK_THAT(refusal(R"({"type": "ColorJitter", "backend": "cv2"})"), Contains("pillow"));
  CHECK_THAT(refusal(R"({"type": "RandomGrayscale", "channel_weights": [0, 0, 0]})"), Contains("channel_weights"));
  CHECK_THAT(refusal(R"({"type": "RandomGrayscale", "channel_weights": [1, 1, 1], "backend": "pillow"})"),
             Contains("channel_weights") && Contains("backend"));
  CHECK_THAT(refusal(R"({"type": "RandomGrayscale", "keep_channels": false})"), Contains("keep_channels"));
  CHECK_THAT(refusal(R"({"type": "GaussianBlur", "sigma_min": 2, "sigma_max": 1})"), Contains("sigma_max"));
  CHECK_THAT(refusal(R"({"type": "GaussianBlur", "sigma_min": 0, "sigma_max": 1})"), Contains("sigma_min"));
  CHECK_THAT(refusal(R"({"type": "GaussianBlur", "sigma_min": 1, "sigma_max": 1, "kernel_size": 3})"),
             Contains("kernel_size") && Contains("torchvision"));
  const std::string blur = R"({"type": "GaussianBlur", "sigma_min": 1, "sigma_max": 1, "backend": "torchvision")";
  CHECK_THAT(refusal(blur + "}"), Contains("kernel_size"));
  CHECK_THAT(refusal(blur + R"(, "kernel_size": 4})"), Contains("odd"));
  bridge::Facts facts;
  facts.image_size = 8;
  CHECK_THAT(refusal(blur + R"(, "kernel_size": 17})", facts), Contains("15 at most"));
  CHECK_THAT(refusal(R"({"type": "Solarize", "threshold": 300})"), Contains("threshold"));
  CHECK_THAT(refusal(R"({"type": "Solarize", "prob": 1.5})"), Contains("prob"));
}

TEST_CASE("schemas of simclr.so are JSON and describe every key") {
  for (const plugin::Component* component : registry().of_kind(SSP_KIND_TRANSFORM)) {
    if (component->plugin->file.note.id != "selfsup.simclr") continue;
    for (const auto& [key, property] : bridge::component_schema(*component).get("properties").as_object()) {
      INFO(component->name << "." << key);
      if (key != "type") CHECK(!property.get("description").as_string().empty());
    }
  }
}
