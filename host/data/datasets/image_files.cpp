#include "data/datasets/image_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <utility>

#include "base/errors.h"
#include "base/utf8.h"
#include "data/file.h"

namespace selfsup::data {

ImageFiles::ImageFiles(std::string root, PathTable paths, std::vector<int32_t> labels,
                       std::vector<std::string> class_names, const Decoding& how)
    : root_(std::move(root)),
      paths_(std::move(paths)),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)),
      how_(how) {
  for (int32_t label : labels_) classes_ = std::max<int64_t>(classes_, label + int64_t{1});
}

std::string ImageFiles::path(int64_t index) const { return join_path(root_, paths_[static_cast<size_t>(index)]); }

std::string ImageFiles::describe(int64_t index) const { return printable(path(index)); }

void ImageFiles::load(int64_t index, Image& out) const try {
  thread_local std::vector<uint8_t> bytes;
  read_regular_file(path(index), kMaxImageFileBytes, bytes);
  decode_image(bytes, how_, out);
} catch (const std::bad_alloc&) {
  throw BadImage(kNoMemory);
}

void ImageFiles::open(int64_t index, ImageSource& out) const try {
  read_regular_file(path(index), kMaxImageFileBytes, out.file());
  out.open(how_);
} catch (const std::bad_alloc&) {
  throw BadImage(kNoMemory);
}

std::string ImageFiles::refusal(int64_t index) const try {
  const RegularFile file = open_file(path(index));
  std::array<uint8_t, kBeginning> beginning;
  return refusal_of_beginning(std::span(beginning).first(file.read(0, beginning.data(), beginning.size())));
} catch (const BadImage& bad) {
  return bad.what();
}

bool ImageFiles::looks_foreign(int64_t index) const {
  return ending_of(paths_[static_cast<size_t>(index)]) == Ending::foreign;
}

std::vector<std::string_view> decoded_endings() {
  std::vector<std::string_view> endings;
  for (const Codec& codec : codecs()) endings.insert(endings.end(), codec.endings.begin(), codec.endings.end());
  return endings;
}

Ending ending_of(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return Ending::other;
  std::string ending(name.substr(dot + 1));
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  static const std::vector<std::string_view> decoded = decoded_endings();
  static constexpr std::string_view foreign[] = {"heic", "heif", "hif", "jxl", "jp2", "j2k", "tga"};
  if (std::ranges::find(decoded, ending) != decoded.end()) return Ending::decoded;
  return std::ranges::find(foreign, ending) != std::end(foreign) ? Ending::foreign : Ending::other;
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

Decoding decoding_of(const Json& spec, const Reading& reading) {
  return {static_cast<int>(spec.get("channels").as_int()), reading.max_pixels, reading.keep_truncated};
}

}  // namespace selfsup::data
