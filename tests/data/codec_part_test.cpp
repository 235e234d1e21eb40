// Decoding a part of a picture: the pixels of decoding everything, and what of the file is looked at.
#include <sys/resource.h>
#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "base/random.h"
#include "data/codecs/codec.h"
#include "data/sample.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using namespace test;

// Every row and column differs from its neighbours, in every channel.
Image noisy(int height, int width, int channels) {
  KeyedRandom random(hash_key(1, height, width, channels));
  Image image = gradient(height, width, channels);
  for (uint8_t& p : image.pixels) p = static_cast<uint8_t>(p + random.below(40));
  return image;
}

Image whole(const Bytes& bytes, int channels = 3) {
  Image image;
  decode_image(bytes, {.channels = channels}, image);
  return image;
}

Box random_box(KeyedRandom& random, const ImageShape& shape) {
  const auto below = [&](int n) { return static_cast<int>(random.below(static_cast<uint64_t>(n))); };
  const int height = 1 + below(below(2) ? shape.height : std::min(shape.height, 9));
  const int width = 1 + below(below(2) ? shape.width : std::min(shape.width, 9));
  return {below(shape.height - height + 1), below(shape.width - width + 1), height, width};
}

bool inside(const Box& box, const Box& of) {
  return box.top >= of.top && box.left >= of.left && box.top + box.height <= of.top + of.height &&
         box.left + box.width <= of.left + of.width;
}

// The pixels of the box in a part of an image that lies at `part`.
std::vector<uint8_t> cut(const Image& image, const Box& part, const Box& box) {
  std::vector<uint8_t> out;
  const auto channels = static_cast<ptrdiff_t>(image.channels);
  for (int y = 0; y < box.height; ++y) {
    const uint8_t* row = image.row(box.top - part.top + y) + (box.left - part.left) * channels;
    out.insert(out.end(), row, row + box.width * channels);
  }
  return out;
}

// How many pixels were decoded for boxes of so many.
struct Work {
  int64_t decoded = 0, asked = 0, all = 0;
};

Work check_boxes(const Bytes& bytes, int channels, uint64_t seed, int boxes = 40) {
  KeyedRandom random(seed);
  const Image want = whole(bytes, channels);
  const Box all{0, 0, want.height, want.width};
  Work work;
  for (int i = 0; i < boxes; ++i) {
    const std::unique_ptr<Undecoded> picture = open_image(bytes, {.channels = channels});
    REQUIRE(picture->shape() == ImageShape{want.height, want.width, channels});
    const Box box = random_box(random, picture->shape());
    Image got;
    const Box part = picture->decode(box, got);
    REQUIRE(inside(box, part));
    REQUIRE(inside(part, all));
    REQUIRE(ImageShape{part.height, part.width, channels} == ImageShape{got.height, got.width, got.channels});
    INFO("box " << box.top << " " << box.left << " " << box.height << " " << box.width);
    REQUIRE(cut(got, part, box) == cut(want, all, box));
    work.decoded += int64_t{part.height} * part.width, work.asked += int64_t{box.height} * box.width;
    work.all += int64_t{want.height} * want.width;
  }
  return work;
}

Bytes big_endian(uint32_t v) {
  return {static_cast<uint8_t>(v >> 24), static_cast<uint8_t>(v >> 16), static_cast<uint8_t>(v >> 8),
          static_cast<uint8_t>(v)};
}

std::string reason(const Bytes& bytes, const Box& box) {
  try {
    Image out;
    open_image(bytes, {})->decode(box, out);
  } catch (const BadImage& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a part of a JPEG has the pixels of the whole, however it is stored") {
  uint64_t seed = 0;
  for (const auto& [across, down] : {std::pair{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}, {4, 2}})
    for (const auto& [height, width] : {std::pair{97, 203}, {64, 160}, {211, 75}, {3, 131}})
      for (const bool progressive : {false, true})
        for (const int restart : {0, 3}) {
          INFO(across << " x " << down << " of " << height << " x " << width << (progressive ? ", progressive" : "")
                      << ", restart " << restart);
          const JpegOptions options{.progressive = progressive, .across = across, .down = down, .restart = restart};
          check_boxes(jpeg(noisy(height, width, 3), options), 3, ++seed);
        }
}

TEST_CASE("a part of a JPEG in grey or four inks, arithmetically coded, or without its last bits") {
  uint64_t seed = 100;
  for (const int channels : {1, 3}) {
    check_boxes(jpeg(noisy(120, 170, 1), {.colour = JpegColour::grey}), channels, ++seed);
    check_boxes(jpeg(noisy(120, 170, 3), {.across = 2, .down = 2}), channels, ++seed);
    for (const JpegColour colour : {JpegColour::cmyk, JpegColour::ycck})
      check_boxes(jpeg(noisy(120, 170, 4), {.colour = colour, .across = 2, .down = 1}), channels, ++seed);
    check_boxes(jpeg(noisy(120, 170, 3), {.across = 2, .down = 2, .arithmetic = true}), channels, ++seed);
    for (const int scans : {1, 4, 7})
      check_boxes(jpeg(noisy(120, 170, 3), {.progressive = true, .across = 2, .down = 2, .scans = scans}), channels,
                  ++seed);
  }
}

TEST_CASE("boxes are of the upright picture") {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO(orientation);
    check_boxes(jpeg(noisy(90, 150, 3), {.orientation = orientation, .across = 2, .down = 2}), 3, 7);
    check_boxes(png(noisy(20, 30, 3), {.orientation = orientation}), 3, 8, 5);
  }
}

TEST_CASE("a small box of a large JPEG is little work") {
  const Work work = check_boxes(jpeg(noisy(375, 500, 3), {.across = 2, .down = 2}), 3, 3);
  CHECK(work.decoded < work.asked + work.all / 5);
}

TEST_CASE("what of a damaged JPEG is seen") {
  const Bytes good = jpeg(noisy(200, 200, 3), {.across = 2, .down = 2, .restart = 13});
  const Box upper{0, 10, 40, 50}, lower{150, 10, 50, 50};
  REQUIRE(reason(good, upper).empty());
  Bytes bad = good;
  bad[good.size() * 8 / 10] = 0xFF, bad[good.size() * 8 / 10 + 1] = 0xC4;
  CHECK(reason(bad, upper).empty());
  CHECK_THAT(reason(bad, lower), Contains("damaged JPEG"));
  CHECK_THROWS_AS(whole(bad), BadImage);

  SECTION("that it was cut, wherever the box is") {
    for (const size_t cut : {size_t{1}, size_t{2}, size_t{100}, good.size() / 2})
      CHECK_THAT(reason(Bytes(good.begin(), good.end() - static_cast<ptrdiff_t>(cut)), upper),
                 Contains("damaged JPEG"));
  }
  SECTION("what stands before the pixels, before any is wanted") {
    Bytes tables = good;
    for (size_t i = 0; i + 4 < tables.size(); ++i)
      if (tables[i] == 0xFF && tables[i + 1] == 0xC4) {
        tables[i + 5] = 0xFF;
        break;
      }
    CHECK_THROWS_AS(open_image(tables, {}), BadImage);
  }
}

TEST_CASE("views of a file have the pixels of views of the image") {
  const Bytes bytes = jpeg(noisy(160, 240, 3), {.orientation = 6, .across = 2, .down = 2});
  const Image image = whole(bytes);
  const std::vector<std::vector<Edit>> lists = {
      {crop_resize({10, 20, 40, 50}, 32, 32, Interpolation::bicubic), flip_horizontal()},
      {crop({100, 50, 90, 80}), crop({5, 6, 50, 40}), crop_resize({1, 2, 20, 30}, 9, 7, Interpolation::bilinear)},
      {flip_vertical(), crop({100, 50, 90, 80})},
      {},
  };
  const auto pixels_of = [&](const std::vector<size_t>& chosen, bool file, size_t early) {
    Sample sample;
    if (file) {
      ImageSource& source = sample.open(0, -1, 0);
      source.file() = bytes;
      source.open({});
    } else {
      sample.start(0, -1, 0) = image;
    }
    sample.views.resize(chosen.size(), sample.views[0]);
    std::vector<std::vector<uint8_t>> out;
    for (size_t v = 0; v < chosen.size(); ++v) {
      for (const Edit& edit : lists[chosen[v]]) sample.views[v].append(edit);
      if (v == early) sample.views[v].pixels();  // as a transform that asks for pixels does
    }
    draw(sample.views);
    for (const View& view : sample.views) out.push_back(view.image().pixels);
    return out;
  };
  for (const std::vector<size_t>& chosen :
       std::vector<std::vector<size_t>>{{0}, {1}, {2}, {3}, {0, 1}, {1, 0, 3}, {0, 0}})
    for (const size_t early : {size_t{0}, size_t{1}, size_t{9}})
      CHECK(pixels_of(chosen, true, early) == pixels_of(chosen, false, 9));
}

TEST_CASE("a chunk of a PNG that is longer than the file is refused before memory is taken for it") {
  const Bytes good = png(gradient(8, 8, 3));
  const size_t after_header = 33;
  Bytes bytes(good.begin(), good.begin() + after_header);
  for (const uint8_t b : {0x7f, 0xff, 0xff, 0xf0}) bytes.push_back(b);
  for (const char* name : {"iTXt", "eXIf", "IDAT", "PLTE", "tRNS"}) {
    Bytes one = bytes;
    one.insert(one.end(), name, name + 4);
    one.insert(one.end(), {'a', 'b', 'c'});
    CHECK_THAT(reason(one, {0, 0, 1, 1}), Contains("2147483632 bytes, where 11 are left"));
  }
}

TEST_CASE("small files that claim much are refused in little memory") {
  const auto claims_much = [](const Bytes& bytes) {
    return in_child([&] {
      const rlimit limit{64u << 20, 64u << 20};
      setrlimit(RLIMIT_DATA, &limit);
      return reason(bytes, {0, 0, 1, 1}).find("cannot hold") != std::string::npos ? 0 : 1;
    });
  };
  CHECK(claims_much(png_claiming(8000, 8000)) == 0);
  for (const bool progressive : {false, true}) {
    Bytes bytes = jpeg(gradient(64, 64, 3), {.progressive = progressive});
    for (size_t i = 0; i + 9 < bytes.size(); ++i)
      if (bytes[i] == 0xFF && (bytes[i + 1] == 0xC0 || bytes[i + 1] == 0xC2))
        bytes[i + 5] = bytes[i + 7] = 0x1F, bytes[i + 6] = bytes[i + 8] = 0x40;  // 8000
    CHECK(claims_much(bytes) == 0);
  }
}

TEST_CASE("profiles and texts of a PNG are not unpacked") {
  const std::vector<uint8_t> text(14u << 20);
  Bytes packed(compressBound(text.size()));
  uLongf size = packed.size();
  REQUIRE(compress(packed.data(), &size, text.data(), text.size()) == Z_OK);
  packed.resize(size);
  packed.insert(packed.begin(), {'z', 'T', 'X', 't', 'a', 0, 0});
  Bytes bomb = png(gradient(8, 8, 3));
  for (int i = 0; i < 200; ++i) {
    const Bytes length = big_endian(static_cast<uint32_t>(packed.size() - 4));
    const Bytes sum = big_endian(static_cast<uint32_t>(crc32(0, packed.data(), static_cast<uInt>(packed.size()))));
    for (const Bytes& part : {sum, packed, length}) bomb.insert(bomb.begin() + 33, part.begin(), part.end());
  }
  CHECK(in_child([&] {
          const rlimit limit{256u << 20, 256u << 20};
          setrlimit(RLIMIT_DATA, &limit);
          rlimit seconds{2, 2};
          setrlimit(RLIMIT_CPU, &seconds);
          return largest_difference(whole(bomb), gradient(8, 8, 3));
        }) == 0);
}

}  // namespace selfsup::data
