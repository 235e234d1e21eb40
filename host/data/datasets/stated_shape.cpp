#include "data/datasets/stated_shape.h"

#include <zlib.h>

#include <array>
#include <memory>

#include "base/errors.h"
#include "data/datasets/idx.h"
#include "data/file.h"

namespace selfsup::data {
namespace {

int int_member(const Json& spec, const char* key) {
  const Json* value = spec.find(key);
  return value && value->is_int() && value->as_int() > 0 && value->as_int() <= 65535 ? static_cast<int>(value->as_int())
                                                                                     : 0;
}

std::string string_member(const Json& spec, const char* key, const char* otherwise) {
  const Json* value = spec.find(key);
  return value && value->is_string() ? value->as_string() : otherwise;
}

// zlib reads packed and plain files alike.
ImageShape idx_header(const std::string& path) {
  Fd regular = open_file(path).release();  // gzopen would wait for the writer of a FIFO
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzdopen(regular.get(), "rb"), gzclose);
  if (file) regular.release();
  std::array<uint8_t, 20> b{};
  if (!file || gzread(file.get(), b.data(), b.size()) < static_cast<int>(b.size()) || b[3] < 3 || b[3] > 4)
    return {0, 0, 0};
  const auto size = [&](size_t d) { return static_cast<int>(b[4 + 4 * d + 2] << 8 | b[4 + 4 * d + 3]); };
  return {size(1), size(2), b[3] == 4 ? size(3) : 1};
}

}  // namespace

ImageShape stated_shape(const Json& spec) {
  if (!spec.is_object()) return {0, 0, 0};
  const std::string type = string_member(spec, "type", "image_folder");
  if (type == "idx") {
    const std::string root = string_member(spec, "data_root", ""), images = string_member(spec, "images", "");
    try {
      return idx_header(images.empty() ? find_idx(root, string_member(spec, "split", "train")).images
                                       : join_path(root, images));
    } catch (const std::runtime_error&) {  // the dataset will say
      return {0, 0, 0};
    }
  }
  const int side = int_member(spec, "image_size"), channels = int_member(spec, "channels");
  return {side, side, channels ? channels : 3};
}

}  // namespace selfsup::data
