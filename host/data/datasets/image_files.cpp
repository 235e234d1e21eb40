#include "data/datasets/image_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/utf8.h"
#include "data/codecs/codec.h"
#include "data/file.h"

namespace selfsup::data {

ImageFiles::ImageFiles(std::string root, PathTable paths, std::vector<int32_t> labels,
                       std::vector<std::string> class_names, int channels)
    : root_(std::move(root)),
      paths_(std::move(paths)),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)),
      channels_(channels) {
  for (int32_t label : labels_) classes_ = std::max<int64_t>(classes_, label + int64_t{1});
}

std::string ImageFiles::path(int64_t index) const { return join_path(root_, paths_[static_cast<size_t>(index)]); }

std::string ImageFiles::describe(int64_t index) const { return printable(path(index)); }

void ImageFiles::load(int64_t index, Image& out) const {
  thread_local std::vector<uint8_t> bytes;
  read_regular_file(path(index), kMaxImageFileBytes, bytes);
  decode_image(bytes, channels_, out);
}

void ImageFiles::open(int64_t index, ImageSource& out) const {
  read_regular_file(path(index), kMaxImageFileBytes, out.file());
  out.open(channels_);
}

std::string image_root(const Json& spec) {
  std::string prefix;
  if (const Json* given = spec.find("data_prefix"))
    prefix = given->is_object() ? given->get("img_path").as_string() : given->as_string();
  return join_path(spec.get("data_root").as_string(), prefix);
}

void require_folder(const std::string& path) {
  struct stat status;
  const bool there = ::stat(path.empty() ? "." : path.c_str(), &status) == 0;
  if (there && S_ISDIR(status.st_mode)) return;
  throw Error(Exit::data, fmt::format("the image folder {} {}", printable(path),
                                      there ? "is not a folder" : "does not exist (see data_root and data_prefix)"));
}

ImageShape shape_of_image_files(const Json& spec) { return {0, 0, static_cast<int>(spec.get("channels").as_int())}; }

}  // namespace selfsup::data
