// What datasets of image files share. Knows neither folders nor lists, and a codec only by what a file holds.
#pragma once
#include <string_view>
#include <vector>

#include "data/codecs/codec.h"
#include "data/datasets/dataset.h"

namespace selfsup::data {

// Paths packed into one block: a million of them cost their letters and eight bytes each.
class PathTable {
 public:
  void add(std::string_view path) {
    text_ += path;
    ends_.push_back(text_.size());
  }
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }

 private:
  std::string text_;
  std::vector<uint64_t> ends_;
};

class ImageFiles : public Dataset {
 public:
  // paths are relative to root, or absolute. labels is empty (none) or has one a path, -1 for one without. class_names
  // is empty (not known) or has one a label.
  ImageFiles(std::string root, PathTable paths, std::vector<int32_t> labels, std::vector<std::string> class_names,
             const Decoding& how);
  using Dataset::load;
  int64_t size() const override { return static_cast<int64_t>(paths_.size()); }
  int channels() const override { return how_.channels; }
  bool has_labels() const override { return classes_ > 0; }
  int64_t label(int64_t index) const override { return labels_.empty() ? -1 : labels_[static_cast<size_t>(index)]; }
  int64_t class_count() const override { return classes_; }
  std::vector<std::string> class_names() const override { return class_names_; }
  std::string describe(int64_t index) const override;
  void load(int64_t index, Image& out) const override;
  void open(int64_t index, ImageSource& out) const override;
  std::string refusal(int64_t index) const override;
  bool looks_foreign(int64_t index) const override;

 private:
  std::string path(int64_t index) const;

  std::string root_;
  PathTable paths_;
  std::vector<int32_t> labels_;
  std::vector<std::string> class_names_;
  int64_t classes_ = 0;
  Decoding how_;
};

// By its ending, in any case: that of a codec, or of another format that images come in, so that such an image is found
// bad, not lost.
enum class Ending { decoded, foreign, other };
Ending ending_of(std::string_view name);
std::vector<std::string_view> decoded_endings();

// Keys that every dataset of image files has.
inline constexpr char kImageFileKeys[] = R"(
    "type": {"type": "string"},
    "data_root": {"type": "string", "default": "", "description": "folder with the images; relative to where the program starts"},
    "data_prefix": {"type": ["string", "object"], "properties": {"img_path": {"type": "string", "default": "", "description": "the same"}}, "description": "folder below data_root, or {\"img_path\": folder}"},
    "channels": {"type": "integer", "enum": [1, 3], "default": 3, "description": "3: RGB, 1: grey; images are converted"})";

// The folder below which the paths lie, and an Error(data) when it is none.
std::string image_root(const Json& spec);
void require_folder(const std::string& path);

ImageShape shape_of_image_files(const Json& spec);
Decoding decoding_of(const Json& spec, const Reading& reading);

}  // namespace selfsup::data
