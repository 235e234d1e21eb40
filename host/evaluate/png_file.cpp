#include <fmt/format.h>
#include <png.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/errors.h"
#include "evaluate/picture.h"

namespace selfsup::evaluate {
namespace {

struct PngError {
  std::string text;
};

void on_error(png_structp png, png_const_charp text) {
  static_cast<PngError*>(png_get_error_ptr(png))->text = text;
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

// False on a failure, with its text. No object with a destructor lives here, since libpng leaves by longjmp.
bool write_rows(std::FILE* file, const Picture& picture, PngError* error) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, error, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  if (!info) {
    png_destroy_write_struct(&png, nullptr);
    return false;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    return false;
  }
  png_init_io(png, file);
  png_set_IHDR(png, info, static_cast<png_uint_32>(picture.width), static_cast<png_uint_32>(picture.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < picture.height; ++y)
    png_write_row(png, picture.pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(picture.width) * 3);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return true;
}

}  // namespace

void write_png(const std::string& path, const Picture& picture) {
  const std::string unfinished = path + ".tmp";
  const auto fail = [&](const std::string& why) {
    ::unlink(unfinished.c_str());
    throw Error(Exit::storage, fmt::format("cannot write the picture {}: {}", path, why));
  };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(unfinished.c_str(), "wbe"), std::fclose);
  if (!file) fail(std::strerror(errno));
  PngError error{"out of memory"};
  errno = 0;
  if (!write_rows(file.get(), picture, &error)) fail(errno ? std::strerror(errno) : error.text);
  if (std::fclose(file.release()) != 0) fail(std::strerror(errno));
  if (::rename(unfinished.c_str(), path.c_str()) != 0) fail(std::strerror(errno));
}

}  // namespace selfsup::evaluate
