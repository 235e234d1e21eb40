// Recorded images as tests compare them: planes of a file into rows of pixels, differences, the cases of a family.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "data/image.h"
#include "reference.h"

namespace selfsup::reference {

// Channel first, as recorded.
inline data::Image from_planes(const checkpoint::TensorView& tensor) {
  REQUIRE(tensor.dtype == "U8");
  REQUIRE(tensor.shape.size() == 3);
  data::Image image;
  image.reshape(static_cast<int>(tensor.shape[1]), static_cast<int>(tensor.shape[2]),
                static_cast<int>(tensor.shape[0]));
  const auto* planes = static_cast<const uint8_t*>(tensor.data);
  const size_t count = static_cast<size_t>(image.height) * static_cast<size_t>(image.width);
  const size_t channels = static_cast<size_t>(image.channels);
  for (size_t c = 0; c < channels; ++c)
    for (size_t i = 0; i < count; ++i) image.pixels[i * channels + c] = planes[c * count + i];
  return image;
}

struct Difference {
  int largest = 0;
  double share = 0;
};

inline Difference compare(const data::Image& got, const data::Image& want) {
  REQUIRE(got.height == want.height);
  REQUIRE(got.width == want.width);
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

inline data::Image grey_plane(const data::Image& image, int channel) {
  data::Image plane;
  plane.reshape(image.height, image.width, 1);
  for (size_t i = 0; i < plane.pixels.size(); ++i)
    plane.pixels[i] = image.pixels[i * static_cast<size_t>(image.channels) + static_cast<size_t>(channel)];
  return plane;
}

// use(parameters, image, recorded) for every case of a family: the tensors of transforms_<family><X>.safetensors, whose
// parameters stand in transforms<X>.json. recorded(name) is the result that was recorded under that name, if any.
template <class Use>
void each_image_case(const std::string& family, const Use& use) {
  int seen = 0;
  for (const auto& path : reference::family("transforms_" + family, ".safetensors")) {
    const checkpoint::SafetensorsFile file(path.string());
    const std::string suffix = path.stem().string().substr(std::strlen("transforms_") + family.size());
    const Json list = read_json_file((folder() / ("transforms" + suffix + ".json")).string(), "test");
    for (const Json& c : list.get(family).as_array()) {
      const auto tensor = [&](const std::string& name) -> std::optional<data::Image> {
        const auto* found = file.find(name);
        return found && found->dtype == "U8" ? std::optional(from_planes(*found)) : std::nullopt;
      };
      INFO(path.filename() << " " << c.get("key").as_string());
      const auto image = tensor("image/" + c.get("image").as_string());
      REQUIRE(image);
      use(c, *image, [&](const char* of) { return tensor(c.get("key").as_string() + "/" + of); });
      ++seen;
    }
  }
  REQUIRE(seen > 0);
}

}  // namespace selfsup::reference
