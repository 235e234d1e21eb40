// What the tests of this room share: a folder that goes away, made-up sets, and encoders for pictures of every kind.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/codecs/codec.h"
#include "data/datasets/dataset.h"
#include "data/image.h"

namespace selfsup::data::test {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

using Bytes = std::vector<uint8_t>;

// Makes the folders above it too.
void write_file(const std::string& path, const Bytes& bytes);
void write_text(const std::string& path, std::string_view text);

// Why it is refused; "" when it is decoded, and then its pixels are as many as its sizes say.
std::string reason(const Bytes& bytes, const Decoding& how = {});

// A smooth picture that differs in every channel and corner.
Image gradient(int height, int width, int channels);

enum class JpegColour { rgb, grey, cmyk, ycck };
struct JpegOptions {
  JpegColour colour = JpegColour::rgb;
  int quality = 95;
  bool progressive = false;
  int orientation = 0;  // EXIF; 0: no EXIF block
  bool big_endian = false;
  int across = 1, down = 1;  // pixels for each of a colour's samples; the first component has one for each
  int restart = 0;           // blocks between restart markers; 0: none
  bool arithmetic = false;
  int scans = 0;  // of a progressive one, without those that add the last bits; 0: all
};
// The image has the channels of the colour: 3, 1, or 4 (as stored).
Bytes jpeg(const Image& image, const JpegOptions& options = {});

struct PngOptions {
  int bits = 8;  // of a sample; 16: each byte b becomes b << 8 | 0x37
  bool interlaced = false;
  int orientation = 0;
};
// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA channels; fewer than 8 bits only for grey, whose values are below 2^bits.
Bytes png(const Image& image, const PngOptions& options = {});
struct Colour {
  uint8_t red, green, blue;
};
// A palette picture; the pixels are indices. alpha may be shorter than the palette.
Bytes png_palette(const Image& indices, const std::vector<Colour>& palette, const std::vector<uint8_t>& alpha,
                  int bits);
// A valid PNG whose header claims another size; checksums are right.
Bytes png_claiming(uint32_t width, uint32_t height);

// Pictures that a function makes, or refuses.
class MadeUp : public Dataset {
 public:
  MadeUp(int64_t size, std::function<void(int64_t, Image&)> make) : size_(size), make_(std::move(make)) {}
  int64_t size() const override { return size_; }
  int channels() const override { return 1; }
  std::string describe(int64_t i) const override { return "made up " + std::to_string(i); }
  void load(int64_t i, Image& out) const override { make_(i, out); }

 private:
  int64_t size_;
  std::function<void(int64_t, Image&)> make_;
};

// 2 x 2 pixels of the value of the index.
void plain(int64_t index, Image& out);

int largest_difference(const Image& a, const Image& b);

// The files of tests/data/images, by their paths below it.
std::map<std::string, Bytes> sample_images();

// Runs in a child process, which exits with the function's result; returns it, or -1 when it crashed or took more than
// ten seconds.
int in_child(const std::function<int()>& run);

}  // namespace selfsup::data::test
