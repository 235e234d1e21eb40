// Images of every format against Pillow's pixels, which scripts/record_images.py has recorded.
#include <catch2/catch.hpp>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "data/codecs/codec.h"
#include "data/codecs/pixels.h"
#include "images.h"

namespace selfsup::data {
namespace {

const std::string kFolder = SELFSUP_TEST_DATA;

std::vector<uint8_t> bytes_of(const std::string& name) {
  const std::string text = RegularFile(kFolder + "/images/" + name).read_all(1 << 20);
  return {text.begin(), text.end()};
}

// AV1's pixels are exact, but libavif's colours are not those of another version of it; nor is what libjpeg-turbo makes
// of coefficients that are not there.
int tolerance(const std::string& name) { return name.ends_with(".avif") ? 3 : name == "cut_progressive.jpg" ? 1 : 0; }

void check(const std::string& list, const Decoding& how) {
  const checkpoint::SafetensorsFile recorded(kFolder + "/images_pillow.safetensors");
  const Json listing = read_json_file(kFolder + "/images_pillow.json", "test");
  REQUIRE(listing.get(list).as_array().size() > 5);
  for (const Json& entry : listing.get(list).as_array()) {
    const std::string& name = entry.as_string();
    INFO(name);
    const std::vector<uint8_t> bytes = bytes_of(name);
    const auto* tensor = recorded.find(name);
    REQUIRE(tensor != nullptr);
    Image want = reference::from_planes(*tensor), got;
    decode_image(bytes, how, got);
    CHECK(reference::compare(got, want).largest <= tolerance(name));

    if (name.ends_with(".jpg")) continue;  // its grey is Y
    Decoding grey = how;
    grey.channels = 1;
    decode_image(bytes, grey, got);
    convert_channels(1, want);
    CHECK(reference::compare(got, want).largest <= tolerance(name));
    CHECK(got.channels == 1);
  }
}

}  // namespace

TEST_CASE("images of every format have Pillow's pixels") { check("files", {}); }

TEST_CASE("of files that were cut there is what Pillow keeps, or nothing") {
  check("cut", {.keep_truncated = true});
  const Json listing = read_json_file(kFolder + "/images_pillow.json", "test");
  for (const Json& entry : listing.get("cut").as_array()) {
    INFO(entry.as_string());
    Image image;
    CHECK_THROWS_WITH(decode_image(bytes_of(entry.as_string()), {}, image),
                      Catch::Matchers::Contains("(truncated: keep takes what is there)"));
  }
}

}  // namespace selfsup::data
