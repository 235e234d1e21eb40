// What edits draw, against values recorded from Pillow 9.5 and torchvision's u8 tensors.
#include <catch2/catch.hpp>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "data/edits/draw.h"
#include "images.h"

namespace selfsup::data {
namespace {

using reference::compare;
using reference::Difference;
using reference::each_image_case;
using reference::from_planes;
using reference::grey_plane;

Image drawn(const Image& image, const std::vector<Edit>& edits) {
  Image out;
  ImageShape shape{image.height, image.width, image.channels};
  for (const Edit& edit : edits) {
    INFO("edit of kind " << edit.kind);
    REQUIRE(problem_of(edit, shape) == "");
    shape = shape_after(edit, shape);
  }
  draw(image, edits, out);
  return out;
}

}  // namespace

TEST_CASE("resize equals Pillow 9.5, colour and grey, and torchvision's u8") {
  each_image_case("resize", [](const Json& c, const Image& in, const auto& recorded) {
    const auto number = [&](const char* name) { return static_cast<int>(c.get(name).as_int()); };
    const bool cubic = c.get("interpolation").as_string() == "bicubic";
    const Image want = *recorded("pillow");
    Edit edit = crop_resize({number("top"), number("left"), number("height"), number("width")}, want.height, want.width,
                            cubic ? Interpolation::bicubic : Interpolation::bilinear);
    const Image got = drawn(in, {edit});
    CHECK(compare(got, want).largest == 0);
    for (int channel = 0; channel < in.channels; ++channel)
      CHECK(compare(drawn(grey_plane(in, channel), {edit}), grey_plane(got, channel)).largest == 0);
    edit.flags |= SSP_EDIT_TORCHVISION;
    CHECK(compare(drawn(in, {edit}), *recorded("uint8")).largest == 0);
  });
}

TEST_CASE("brightness, contrast, saturation and hue equal Pillow's and torchvision's u8") {
  each_image_case("jitter", [](const Json& c, const Image& in, const auto& recorded) {
    const std::string op = c.get("op").as_string();
    const uint32_t kind = op == "brightness"   ? SSP_EDIT_BRIGHTNESS
                          : op == "contrast"   ? SSP_EDIT_CONTRAST
                          : op == "saturation" ? SSP_EDIT_SATURATION
                                               : SSP_EDIT_HUE;
    Edit edit{kind, 0, {c.get("factor").as_double()}};
    CHECK(compare(drawn(in, {edit}), *recorded("pillow")).largest == 0);
    edit.flags = SSP_EDIT_TORCHVISION;
    CHECK(compare(drawn(in, {edit}), *recorded("uint8")).largest == 0);
  });
}

TEST_CASE("grey, solarize, flips and blur equal Pillow's and torchvision's u8") {
  each_image_case("filter", [](const Json& c, const Image& in, const auto& recorded) {
    const std::string op = c.get("op").as_string();
    if (op == "normalize") return;  // no edit
    Edit edit{};
    if (op == "rgb_to_grayscale") edit = {SSP_EDIT_GREY, 0, {}};
    if (op == "solarize") edit = {SSP_EDIT_SOLARIZE, 0, {c.get("threshold").as_double()}};
    if (op == "horizontal_flip") edit = flip_horizontal();
    if (op == "gaussian_blur") edit = {SSP_EDIT_BLUR, 0, {c.get("sigma").as_double()}};
    const bool blur = edit.kind == SSP_EDIT_BLUR;
    const auto same_size = [](Image got, const Image& want) {
      // A grey picture is recorded with one channel or three.
      return want.channels == 1 && got.channels == 3 ? grey_plane(got, 0) : got;
    };
    const Image want = *recorded(blur ? "mmselfsup_pillow" : "pillow");
    CHECK(compare(same_size(drawn(in, {edit}), want), want).largest == 0);
    edit.flags = SSP_EDIT_TORCHVISION;
    if (blur) edit.v[1] = static_cast<double>(c.get("kernel_size").as_int());
    const Image torchvision = *recorded("uint8");
    const Difference difference = compare(same_size(drawn(in, {edit}), torchvision), torchvision);
    CHECK(difference.largest <= (blur ? 1 : 0));  // its sums are LibTorch's, in an order of their own
    CHECK(difference.share <= (blur ? 0.02 : 0));
    if (op != "rgb_to_grayscale") return;
    // SimCLR's weights in MMSelfSup, made to add up to 1, as mmcv does.
    const double sum = 0.2989 + 0.587 + 0.114;
    const Edit weighted{SSP_EDIT_GREY, 0, {0.2989 / sum, 0.587 / sum, 0.114 / sum}};
    CHECK(compare(drawn(in, {weighted}), *recorded("mmselfsup_simclr")).largest == 0);
  });
}

TEST_CASE("chains of edits leave the pixels that Pillow leaves, drawn one after the other") {
  const std::string path = SELFSUP_TEST_DATA "/edits_pillow";  // by scripts/record_edits.py
  const checkpoint::SafetensorsFile file(path + ".safetensors");
  const Json list = read_json_file(path + ".json", "test");
  REQUIRE(list.get("chains").as_array().size() > 50);
  for (const Json& chain : list.get("chains").as_array()) {
    const std::string key = chain.get("key").as_string();
    std::vector<Edit> edits;
    for (const Json& one : chain.get("edits").as_array()) {
      Edit edit{
          static_cast<uint32_t>(one.as_array()[0].as_int()), static_cast<uint32_t>(one.as_array()[1].as_int()), {}};
      for (size_t i = 2; i < one.as_array().size(); ++i) edit.v[i - 2] = one.as_array()[i].as_double();
      edits.push_back(edit);
    }
    INFO("chain " << key);
    const Difference difference =
        compare(drawn(from_planes(*file.find(key + "/in")), edits), from_planes(*file.find(key + "/out")));
    CHECK(difference.largest == 0);
  }
}

}  // namespace selfsup::data
