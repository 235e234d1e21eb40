#include "data/support/support.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
// jpeglib.h needs <cstdio>.
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

namespace selfsup::data::test {
namespace fs = std::filesystem;

std::string reason(const Bytes& bytes, const Decoding& how) {
  try {
    Image image;
    decode_image(bytes, how, image);
    CHECK(image.pixels.size() == static_cast<size_t>(image.height) * image.row_bytes());
  } catch (const BadImage& e) {
    return e.what();
  }
  return "";
}

TempDir::TempDir() {
  std::string name = (fs::temp_directory_path() / "selfsup-data-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void write_file(const std::string& path, const Bytes& bytes) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!out) throw std::runtime_error("cannot write " + path);
}

void write_text(const std::string& path, std::string_view text) { write_file(path, Bytes(text.begin(), text.end())); }

Image gradient(int height, int width, int channels) {
  Image image;
  image.reshape(height, width, channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) {
        const int across = c % 2 == 0 ? x * 160 / width : (width - 1 - x) * 160 / width;
        image.row(y)[x * channels + c] = static_cast<uint8_t>(20 + across + y * (60 - 15 * c) / height);
      }
  return image;
}

namespace {

Bytes exif(int orientation, bool big_endian) {
  const auto u16 = [&](int v) {
    const auto low = static_cast<uint8_t>(v & 255), high = static_cast<uint8_t>(v >> 8);
    return big_endian ? Bytes{high, low} : Bytes{low, high};
  };
  Bytes out = big_endian ? Bytes{'M', 'M'} : Bytes{'I', 'I'};
  const auto put = [&](const Bytes& b) { out.insert(out.end(), b.begin(), b.end()); };
  put(u16(42));
  const Bytes eight = big_endian ? Bytes{0, 0, 0, 8} : Bytes{8, 0, 0, 0};
  const Bytes one = big_endian ? Bytes{0, 0, 0, 1} : Bytes{1, 0, 0, 0};
  put(eight);
  put(u16(1));       // entries
  put(u16(0x0112));  // orientation
  put(u16(3));       // short
  put(one);
  put(u16(orientation));
  put({0, 0, 0, 0, 0, 0});
  return out;
}

void append_bytes(png_structp png, png_bytep data, size_t size) {
  Bytes& out = *static_cast<Bytes*>(png_get_io_ptr(png));
  out.insert(out.end(), data, data + size);
}

void no_flush(png_structp) {}

Bytes write_png(const Image& image, int colour_type, const PngOptions& options, const std::vector<Colour>& palette,
                const std::vector<uint8_t>& alpha) {
  Bytes out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, append_bytes, no_flush);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), options.bits,
               colour_type, options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> colours;
  for (const Colour& c : palette) colours.push_back({c.red, c.green, c.blue});
  if (!colours.empty()) png_set_PLTE(png, info, colours.data(), static_cast<int>(colours.size()));
  if (!alpha.empty()) png_set_tRNS(png, info, alpha.data(), static_cast<int>(alpha.size()), nullptr);
  Bytes block = exif(options.orientation, true);
  if (options.orientation != 0) png_set_eXIf_1(png, info, static_cast<png_uint_32>(block.size()), block.data());
  png_write_info(png, info);
  if (options.bits < 8) png_set_packing(png);
  std::vector<Bytes> rows;
  for (int y = 0; y < image.height; ++y) {
    Bytes row;
    for (size_t i = 0; i < image.row_bytes(); ++i) {
      row.push_back(image.row(y)[i]);
      if (options.bits == 16) row.push_back(0x37);
    }
    rows.push_back(row);
  }
  std::vector<png_bytep> pointers;
  for (Bytes& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

}  // namespace

Bytes jpeg(const Image& image, const JpegOptions& options) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = image.channels;
  const bool inks = options.colour == JpegColour::cmyk || options.colour == JpegColour::ycck;
  info.in_color_space = inks ? JCS_CMYK : options.colour == JpegColour::grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  if (options.colour == JpegColour::ycck) jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_set_quality(&info, options.quality, TRUE);
  for (int c = 0; c < info.num_components; ++c) info.comp_info[c].h_samp_factor = info.comp_info[c].v_samp_factor = 1;
  info.comp_info[0].h_samp_factor = options.across;
  info.comp_info[0].v_samp_factor = options.down;
  info.restart_interval = static_cast<unsigned>(options.restart);
  info.arith_code = options.arithmetic ? TRUE : FALSE;
  if (options.progressive) jpeg_simple_progression(&info);
  if (options.scans > 0) info.num_scans = options.scans;
  jpeg_start_compress(&info, TRUE);
  if (options.orientation != 0) {
    Bytes block = {'E', 'x', 'i', 'f', 0, 0};
    const Bytes tiff = exif(options.orientation, options.big_endian);
    block.insert(block.end(), tiff.begin(), tiff.end());
    jpeg_write_marker(&info, JPEG_APP0 + 1, block.data(), static_cast<unsigned>(block.size()));
  }
  for (int y = 0; y < image.height; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(image.row(y));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  Bytes out(memory, memory + size);
  std::free(memory);
  return out;
}

Bytes png(const Image& image, const PngOptions& options) {
  constexpr int kTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGBA};
  return write_png(image, kTypes[image.channels - 1], options, {}, {});
}

Bytes png_palette(const Image& indices, const std::vector<Colour>& palette, const std::vector<uint8_t>& alpha,
                  int bits) {
  return write_png(indices, PNG_COLOR_TYPE_PALETTE, {.bits = bits}, palette, alpha);
}

Bytes png_claiming(uint32_t width, uint32_t height) {
  Bytes out = png(gradient(4, 4, 3));
  const auto put = [&](size_t at, uint32_t v) {
    for (int i = 0; i < 4; ++i) out[at + static_cast<size_t>(i)] = static_cast<uint8_t>(v >> (24 - 8 * i));
  };
  put(16, width);
  put(20, height);
  put(29, static_cast<uint32_t>(crc32(0, out.data() + 12, 17)));
  return out;
}

void plain(int64_t index, Image& out) {
  out.reshape(2, 2, 1);
  std::fill(out.pixels.begin(), out.pixels.end(), static_cast<uint8_t>(index));
}

int largest_difference(const Image& a, const Image& b) {
  if (a.height != b.height || a.width != b.width || a.channels != b.channels) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

std::map<std::string, Bytes> sample_images() {
  const fs::path folder = fs::path(SELFSUP_TEST_DATA) / "images";
  std::map<std::string, Bytes> images;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    images[fs::relative(entry.path(), folder)] = Bytes(std::istreambuf_iterator<char>(in), {});
  }
  return images;
}

int in_child(const std::function<int()>& run) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    int result = 125;
    try {
      result = run();
    } catch (...) {
    }
    _exit(result);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

}  // namespace selfsup::data::test
