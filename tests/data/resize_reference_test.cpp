// Resize against values recorded from Pillow 9.5.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "data/transforms/resize.h"
#include "reference.h"

namespace selfsup::data {
namespace {

Image from_planes(const checkpoint::TensorView& tensor) {
  REQUIRE(tensor.dtype == "U8");
  REQUIRE(tensor.shape.size() == 3);
  Image image;
  image.reshape(static_cast<int>(tensor.shape[1]), static_cast<int>(tensor.shape[2]),
                static_cast<int>(tensor.shape[0]));
  const auto* planes = static_cast<const uint8_t*>(tensor.data);
  const size_t count = static_cast<size_t>(image.height) * static_cast<size_t>(image.width);
  for (size_t c = 0; c < static_cast<size_t>(image.channels); ++c)
    for (size_t i = 0; i < count; ++i)
      image.pixels[i * static_cast<size_t>(image.channels) + c] = planes[c * count + i];
  return image;
}

struct Difference {
  int largest = 0;
  double share = 0;
};

Difference compare(const Image& got, const Image& want) {
  REQUIRE(got.pixels.size() == want.pixels.size());
  Difference difference;
  for (size_t i = 0; i < got.pixels.size(); ++i) {
    const int d = std::abs(got.pixels[i] - want.pixels[i]);
    difference.largest = std::max(difference.largest, d);
    difference.share += d != 0;
  }
  difference.share /= static_cast<double>(got.pixels.size());
  return difference;
}

Image grey_plane(const Image& image, int channel) {
  Image plane;
  plane.reshape(image.height, image.width, 1);
  for (size_t i = 0; i < plane.pixels.size(); ++i)
    plane.pixels[i] = image.pixels[i * static_cast<size_t>(image.channels) + static_cast<size_t>(channel)];
  return plane;
}

struct Case {
  std::string name;
  Image in, want;
  Box box;
  Interpolation interpolation;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& path : reference::family("transforms_resize", ".safetensors")) {
    const std::string name = path.filename();
    const checkpoint::SafetensorsFile file(path.string());
    // The parameters of transforms_resize<X>.safetensors stand in transforms<X>.json.
    const std::string suffix = path.stem().string().substr(std::strlen("transforms_resize"));
    const Json list = read_json_file((reference::folder() / ("transforms" + suffix + ".json")).string(), "test");
    for (const Json& c : list.get("resize").as_array()) {
      const std::string key = c.get("key").as_string(), kind = c.get("interpolation").as_string();
      const auto number = [&](const char* name_of) { return static_cast<int>(c.get(name_of).as_int()); };
      const auto* image = file.find("image/" + c.get("image").as_string());
      const auto* want = file.find(key + "/pillow");
      REQUIRE(image != nullptr);
      REQUIRE(want != nullptr);
      REQUIRE((kind == "bilinear" || kind == "bicubic"));
      all.push_back({name + " " + key,
                     from_planes(*image),
                     from_planes(*want),
                     {number("top"), number("left"), number("height"), number("width")},
                     kind == "bicubic" ? Interpolation::bicubic : Interpolation::bilinear});
    }
  }
  return all;
}

}  // namespace

TEST_CASE("resize equals Pillow 9.5, colour and grey") {
  const std::vector<Case> all = cases();
  REQUIRE(!all.empty());
  for (const Case& c : all) {
    INFO(c.name);
    Image got;
    resize(c.in, c.box, c.want.height, c.want.width, c.interpolation, got);
    // The values' tolerance: one level, on a few of the pixels; more of them where halves are exact.
    const double share = c.interpolation == Interpolation::bilinear ? 0.08 : 0.02;
    const Difference difference = compare(got, c.want);
    CHECK(difference.largest <= 1);
    CHECK(difference.share <= share);
    for (int channel = 0; channel < c.in.channels; ++channel) {
      Image grey;
      resize(grey_plane(c.in, channel), c.box, c.want.height, c.want.width, c.interpolation, grey);
      CHECK(compare(grey, grey_plane(got, channel)).largest == 0);
    }
  }
}

}  // namespace selfsup::data
