// Edits: what is refused, what the whole list leaves, and that lists and pixels are shared until they are drawn.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <set>
#include <stdexcept>

#include "base/random.h"
#include "data/edits/draw.h"
#include "data/edits/pixels.h"
#include "data/support/pipeline.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using test::gradient;

Image noise(int height, int width, int channels, uint64_t seed) {
  KeyedRandom random(seed);
  Image image;
  image.reshape(height, width, channels);
  for (uint8_t& p : image.pixels) p = static_cast<uint8_t>(random.below(256));
  return image;
}

// A colour's hue moved by Pillow's C, word for word.
uint32_t moved_hue(int r, int g, int b, int shift) {
  const int largest = std::max({r, g, b}), smallest = std::min({r, g, b});
  int h = 0, s = 0;
  if (largest != smallest) {
    const float range = static_cast<float>(largest - smallest), saturation = range / static_cast<float>(largest);
    const float rc = static_cast<float>(largest - r) / range, gc = static_cast<float>(largest - g) / range,
                bc = static_cast<float>(largest - b) / range;
    float turns;
    if (r == largest)
      turns = bc - gc;
    else if (g == largest)
      turns = static_cast<float>(2.0 + static_cast<double>(rc) - static_cast<double>(bc));
    else
      turns = static_cast<float>(4.0 + static_cast<double>(gc) - static_cast<double>(rc));
    turns = static_cast<float>(std::fmod(static_cast<double>(turns) / 6.0 + 1.0, 1.0));
    h = static_cast<int>(static_cast<double>(turns) * 255.0);
    s = static_cast<int>(static_cast<double>(saturation) * 255.0);
  }
  h = (h + shift) & 255;
  if (s == 0) return static_cast<uint32_t>(largest) * 0x010101u;
  const int i = static_cast<int>(std::floor(static_cast<double>(static_cast<float>(h)) * 6.0 / 255.0));
  const double f = static_cast<float>(h * 6.0 / 255.0 - i), fs = static_cast<float>(s / 255.0), v = largest;
  const auto p = static_cast<uint32_t>(std::round(v * (1.0 - fs))),
             q = static_cast<uint32_t>(std::round(v * (1.0 - fs * f))),
             t = static_cast<uint32_t>(std::round(v * (1.0 - fs * (1.0 - f)))), w = static_cast<uint32_t>(largest);
  const uint32_t rgb[6][3] = {{w, t, p}, {q, w, p}, {p, w, t}, {p, q, w}, {t, p, w}, {w, p, q}};
  return rgb[i % 6][0] | rgb[i % 6][1] << 8 | rgb[i % 6][2] << 16;
}

Edit random_edit(KeyedRandom& random, const ImageShape& shape) {
  const uint32_t kind = 1 + static_cast<uint32_t>(random.below(SSP_EDIT_ERASE));
  switch (kind) {
    case SSP_EDIT_HUE:
      return {kind, 0, {random.uniform(-0.5, 0.5)}};
    case SSP_EDIT_POSTERIZE:
      return {kind, 0, {static_cast<double>(random.below(9))}};
    case SSP_EDIT_SOLARIZE:
      return {kind, 0, {random.uniform(0, 256)}};
    case SSP_EDIT_BRIGHTNESS:
    case SSP_EDIT_CONTRAST:
    case SSP_EDIT_SATURATION:
    case SSP_EDIT_GAMMA:
    case SSP_EDIT_BLUR:
      return {kind, 0, {random.uniform(0.1, 2.5)}};
    case SSP_EDIT_CROP_RESIZE: {
      const int height = 1 + static_cast<int>(random.below(static_cast<uint64_t>(shape.height)));
      const int width = 1 + static_cast<int>(random.below(static_cast<uint64_t>(shape.width)));
      if (random.below(3) == 0) return crop({0, shape.width - width, height, width});
      const int side = 1 + static_cast<int>(random.below(40));
      return crop_resize({shape.height - height, shape.width - width, height, width}, side,
                         random.below(2) ? side : width, static_cast<Interpolation>(random.below(3)));
    }
    case SSP_EDIT_AFFINE:
      return {kind, static_cast<uint32_t>(random.below(2)), {0.9, 0.2, random.uniform(-3, 3), -0.2, 0.9, 1}};
    case SSP_EDIT_ERASE:
      return {kind, 0, {2, -1, 3, 4, static_cast<double>(random.below(256))}};
    default:
      return {kind, 0, {}};
  }
}

std::string problem(const Edit& edit, const ImageShape& shape = {20, 30, 3}) { return problem_of(edit, shape); }

}  // namespace

TEST_CASE("every colour gets the hue that Pillow's formula gives") {
  std::vector<uint8_t> red(256), green(256), blue(256);
  const pixels::Planes row{red.data(), green.data(), blue.data()};
  for (const pixels::Kernels& kernel : pixels::kernels())
    for (const int shift : {0, 1, 100, 255}) {
      INFO(kernel.name << ", shift " << shift);
      // All colours once, a part of them with other shifts.
      const int step = shift == 100 ? 1 : 7;
      int64_t wrong = 0;
      for (int r = 0; r < 256; ++r)
        for (int g = 0; g < 256; g += step) {
          for (int b = 0; b < 256; ++b) blue[static_cast<size_t>(b)] = static_cast<uint8_t>(b);
          std::fill(red.begin(), red.end(), static_cast<uint8_t>(r));
          std::fill(green.begin(), green.end(), static_cast<uint8_t>(g));
          kernel.hue(row, 256, shift);
          for (size_t b = 0; b < 256; ++b)
            wrong += (red[b] | uint32_t{green[b]} << 8 | uint32_t{blue[b]} << 16) !=
                     moved_hue(r, g, static_cast<int>(b), shift);
        }
      CHECK(wrong == 0);
    }
}

TEST_CASE("a list drawn at once leaves what its edits leave one after the other") {
  for (uint64_t trial = 0; trial < 1500; ++trial) {
    KeyedRandom random(hash_key(7, trial));
    const Image image = noise(1 + static_cast<int>(random.below(30)), 1 + static_cast<int>(random.below(30)),
                              random.below(2) ? 3 : 1, trial);
    ImageShape shape{image.height, image.width, image.channels};
    std::vector<Edit> edits;
    Image want = image, next, got;
    for (uint64_t i = 0, n = random.below(8); i < n; ++i) {
      const Edit edit = random_edit(random, shape);
      INFO(problem_of(edit, shape));
      REQUIRE(problem_of(edit, shape).empty());
      edits.push_back(edit);
      shape = shape_after(edit, shape);
      draw(want, std::span(&edit, 1), next);
      std::swap(want, next);
    }
    draw(image, edits, got);
    REQUIRE(got.height == shape.height);
    REQUIRE(got.width == shape.width);
    INFO("trial " << trial);
    REQUIRE(got.pixels == want.pixels);
  }
}

TEST_CASE("the nearest pixel is Pillow's, or torchvision's") {
  Image image, out;
  image.reshape(1, 5, 1);
  image.pixels = {0, 1, 2, 3, 4};
  Edit edit = crop_resize({0, 0, 1, 5}, 1, 3, Interpolation::nearest);
  draw(image, std::span(&edit, 1), out);
  CHECK(out.pixels == std::vector<uint8_t>{0, 2, 4});
  edit.flags |= SSP_EDIT_TORCHVISION;
  draw(image, std::span(&edit, 1), out);
  CHECK(out.pixels == std::vector<uint8_t>{0, 1, 3});
}

TEST_CASE("an edit that cannot be drawn is told by what is wrong with it") {
  CHECK(problem({SSP_EDIT_INVERT, 0, {}}) == "");
  CHECK(problem({0, 0, {}}) == "kind 0: this host draws kinds 1 to 17");
  CHECK_THAT(problem({99, 0, {}}), Contains("kind 99"));
  CHECK_THAT(problem({SSP_EDIT_INVERT, 32, {}}), Contains("invert: flags 0x20"));
  CHECK(problem({SSP_EDIT_INVERT, 1u << 16, {}}) == "");  // bits that a reader may ignore
  CHECK_THAT(problem({SSP_EDIT_INVERT, SSP_EDIT_BILINEAR, {}}), Contains("the filter is 1"));
  CHECK_THAT(problem({SSP_EDIT_EQUALIZE, SSP_EDIT_TORCHVISION, {}}), Contains("TORCHVISION is not drawn"));
  CHECK_THAT(problem({SSP_EDIT_INVERT, 0, {0, 0, 5}}), Contains("v[2] is 5"));
  CHECK_THAT(problem({SSP_EDIT_CONTRAST, 0, {-0.5}}), Contains("contrast: v[0] is -0.5; expected 0 or more"));
  for (const double never : {std::nan(""), HUGE_VAL, -HUGE_VAL, 1e39, -1e300})
    for (uint32_t kind = SSP_EDIT_BRIGHTNESS; kind <= SSP_EDIT_ERASE; ++kind)
      CHECK_THAT(problem({kind, 0, {never}}), Contains("v[0] is"));
  CHECK_THAT(problem({SSP_EDIT_HUE, 0, {0.6}}), Contains("-0.5 to 0.5"));
  CHECK_THAT(problem({SSP_EDIT_GREY, 0, {0.5, -0.1, 0.6}}), Contains("v[1] is -0.1"));
  CHECK_THAT(problem({SSP_EDIT_BLUR, 0, {0}}), Contains("sigma is 0"));
  CHECK_THAT(problem({SSP_EDIT_BLUR, SSP_EDIT_TORCHVISION, {1e-46, 1}}), Contains("expected above 0"));
  CHECK_THAT(problem({SSP_EDIT_BLUR, 0, {1, 3}}), Contains("only torchvision's blur"));
  CHECK_THAT(problem({SSP_EDIT_BLUR, SSP_EDIT_TORCHVISION, {1, 4}}), Contains("odd"));
  CHECK_THAT(problem({SSP_EDIT_BLUR, SSP_EDIT_TORCHVISION, {1, 41}}), Contains("from 1 to 39"));
  CHECK_THAT(problem({SSP_EDIT_POSTERIZE, 0, {2.5}}), Contains("v[0] is 2.5; expected a whole number"));
  CHECK_THAT(problem({SSP_EDIT_GAMMA, 0, {0}}), Contains("v[0] is 0; expected above 0"));
  CHECK_THAT(problem(crop_resize({0, 0, 21, 30}, 5, 5, Interpolation::bilinear)),
             Contains("not inside the image of 20 x 30"));
  CHECK_THAT(problem(crop_resize({0, 0, 20, 30}, 0, 5, Interpolation::bilinear)), Contains("sides run from 1"));
  CHECK_THAT(problem({SSP_EDIT_CROP_RESIZE, 0, {0, 0.5, 1, 1, 1, 1}}),
             Contains("v[1] is 0.5; expected a whole number"));
  CHECK_THAT(problem({SSP_EDIT_ERASE, 0, {0, 0, 1, 1, 300}}), Contains("the value is 300"));
  CHECK_THAT(problem({SSP_EDIT_AFFINE, 0, {1, 0, 1e9, 0, 1, 0}}), Contains("v[2]"));
}

TEST_CASE("an image that would be too large is refused before memory is taken") {
  const auto resized = [](int height, int width, int to_height, int to_width) {
    return problem(crop_resize({0, 0, height, width}, to_height, to_width, Interpolation::bilinear),
                   {height, width, 3});
  };
  CHECK(resized(1, 1, 8000, 8000) == "");
  CHECK(resized(1, 65535, 1, 1) == "");
  CHECK_THAT(resized(1, 1, 65535, 65535), Contains("make an image of 65535 x 65535") && Contains("64 million pixels"));
  // Neither the image nor the result is large, but what stands between the columns and the rows.
  CHECK_THAT(resized(65535, 1, 1, 65535), Contains("1 x 65535 of 65535 x 1 make an image of 65535 x 65535 on the way"));
  Image image;
  CHECK_THROWS_AS(image.reshape(60000, 60000, 3), BadImage);
  CHECK(image.height == 0);
  for (const char* step :
       {R"({"type": "Resize", "scale": 65535})", R"({"type": "RandomCrop", "size": 65535, "pad_if_needed": true})"}) {
    const Pipeline pipeline(test::resolved("[" + std::string(step) + "]"));
    CHECK_THROWS_AS(test::run(pipeline, noise(20, 20, 3, 1), 0), BadImage);
  }
}

TEST_CASE("edits at the ends of their ranges leave an image") {
  const Edit far[] = {{SSP_EDIT_BRIGHTNESS, 0, {3e38}},
                      {SSP_EDIT_CONTRAST, 0, {3e38}},
                      {SSP_EDIT_CONTRAST, SSP_EDIT_TORCHVISION, {3e38}},
                      {SSP_EDIT_SATURATION, 0, {3e38}},
                      {SSP_EDIT_SATURATION, SSP_EDIT_TORCHVISION, {3e38}},
                      {SSP_EDIT_HUE, 0, {-0.5}},
                      {SSP_EDIT_GREY, 0, {3e38, 3e38, 3e38}},
                      {SSP_EDIT_GAMMA, 0, {1e-37}},
                      {SSP_EDIT_BLUR, 0, {1e-37}},
                      {SSP_EDIT_BLUR, 0, {2000}},
                      {SSP_EDIT_BLUR, SSP_EDIT_TORCHVISION, {1e-37, 1}},
                      {SSP_EDIT_SOLARIZE, 0, {-3e38}},
                      {SSP_EDIT_GAMMA, 0, {3e38}},
                      {SSP_EDIT_AFFINE, SSP_EDIT_NEAREST, {65535, 0, 65535, 0, 65535, -65535}},
                      {SSP_EDIT_AFFINE, SSP_EDIT_NEAREST, {65535, 65535, -65535, 1e-300, 65535, 65535}},
                      {SSP_EDIT_AFFINE, SSP_EDIT_BILINEAR, {65535, 65535, -65535, 65535, 65535, 65535}},
                      {SSP_EDIT_ERASE, 0, {-65535, -65535, 65535, 65535, 255}},
                      {SSP_EDIT_ERASE, 0, {65535, 65535, 65535, 65535, 255}}};
  for (const int channels : {1, 3})
    for (const ImageShape& shape :
         {ImageShape{1, 1, channels}, {1, 40, channels}, {40, 1, channels}, {1, 65500, channels}}) {
      const Image image = noise(shape.height, shape.width, channels, 9);
      for (const Edit& edit : far) {
        INFO(name_of(edit.kind) << " of " << shape.height << " x " << shape.width);
        REQUIRE(problem(edit, shape) == "");
        Image out;
        draw(image, std::span(&edit, 1), out);
        CHECK(out.pixels.size() == image.pixels.size());
      }
    }
  // Thousands of edits on one image.
  View view(noise(3, 5, 3, 2));
  const Image before = view.image();
  for (int i = 0; i < 5000; ++i) {
    view.append(flip_horizontal());
    view.append({SSP_EDIT_INVERT, 0, {}});
    view.append({SSP_EDIT_SATURATION, 0, {1}});
  }
  CHECK(view.pixels().pixels == before.pixels);
}

TEST_CASE("a view tells its shape without drawing, and shares its pixels until it draws") {
  View first(noise(20, 30, 3, 1));
  const Image before = first.image();
  View second = first;
  first.append(crop_resize({0, 0, 10, 30}, 8, 9, Interpolation::bilinear));
  CHECK(first.shape() == ImageShape{8, 9, 3});
  CHECK(second.shape() == ImageShape{20, 30, 3});
  CHECK_THROWS_AS(first.image(), std::logic_error);  // nobody has drawn it
  CHECK_THROWS_WITH(first.append(crop({0, 0, 20, 30})), Contains("not inside the image of 8 x 9"));
  CHECK(first.edits().size() == 1);

  View third = first;  // with the edits so far
  third.append({SSP_EDIT_INVERT, 0, {}});
  const Image drawn = first.pixels();
  CHECK(drawn.height == 8);
  CHECK(first.edits().empty());
  for (uint8_t& p : first.pixels().pixels) p = 0;
  Image inverted = third.pixels();
  for (uint8_t& p : inverted.pixels) p = static_cast<uint8_t>(255 - p);
  CHECK(inverted.pixels == drawn.pixels);
  CHECK(second.image().pixels == before.pixels);
  const uint8_t* own = second.pixels().pixels.data();
  CHECK(second.pixels().pixels.data() == own);  // alone now: no further copy

  second.append({SSP_EDIT_INVERT, 0, {}});
  second.replace(noise(2, 2, 1, 5));
  CHECK(second.shape() == ImageShape{2, 2, 1});
  CHECK(second.edits().empty());
}

TEST_CASE("a view draws into memory of somebody else, no byte more, and stays as it is") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    INFO(seed);
    KeyedRandom random(hash_key(6, seed));
    View view(noise(20 + static_cast<int>(seed % 7), 30, seed % 5 ? 3 : 1, seed));
    for (uint64_t i = random.below(6); i > 0; --i)
      if (const Edit edit = random_edit(random, view.shape()); problem(edit, view.shape()).empty()) view.append(edit);
    View same = view;
    const ImageShape shape = view.shape();
    // The sanitizers see what is before and behind.
    std::vector<uint8_t> memory(static_cast<size_t>(shape.height * shape.width * shape.channels));
    view.draw_into(memory.data());
    CHECK(view.edits().size() == same.edits().size());
    CHECK(memory == same.pixels().pixels);
  }
}

TEST_CASE("what was drawn for a view stays with it as fields, where the step says so") {
  const Pipeline pipeline(test::resolved(R"([
    {"type": "MultiView", "num_views": 3, "transforms": [[
      {"type": "RandomResizedCrop", "size": 16, "interpolation": "bicubic", "record": true},
      {"type": "RandomFlip", "direction": ["horizontal", "vertical", "diagonal"], "record": true}]]}])"));
  const Image image = noise(40, 50, 3, 3);
  std::set<std::vector<bool>> flips;
  for (int64_t index = 0; index < 50; ++index) {
    const Sample sample = test::run(pipeline, image, index);
    REQUIRE(sample.fields.size() == 6);
    for (int v = 0; v < 3; ++v) {
      const Field* box = sample.find_field("crop_box", v);
      const Field* flip = sample.find_field("flip", v);
      REQUIRE(box);
      REQUIRE(flip);
      CHECK(box->type == FieldType::i32);
      REQUIRE(box->sizes == std::vector<int64_t>{6});
      CHECK(flip->type == FieldType::boolean);
      REQUIRE(flip->sizes == std::vector<int64_t>{2});
      int32_t b[6];
      std::memcpy(b, box->bytes.data(), sizeof(b));
      CHECK(b[4] == 40);
      CHECK(b[5] == 50);
      const bool horizontal = flip->bytes[0] != std::byte{0}, vertical = flip->bytes[1] != std::byte{0};
      flips.insert({horizontal, vertical});
      std::vector<Edit> edits{crop_resize({b[0], b[1], b[2], b[3]}, 16, 16, Interpolation::bicubic)};
      if (horizontal) edits.push_back(flip_horizontal());
      if (vertical) edits.push_back(flip_vertical());
      Image want;
      draw(image, edits, want);
      CHECK(sample.views[static_cast<size_t>(v)].image().pixels == want.pixels);
    }
  }
  CHECK(flips.size() == 4);
  const Pipeline silent(test::resolved(R"([{"type": "RandomResizedCrop", "size": 16}, {"type": "RandomFlip"}])"));
  CHECK(test::run(silent, image, 0).fields.empty());
}

}  // namespace selfsup::data
