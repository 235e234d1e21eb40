// Datasets whose pictures are files: a folder of any nesting, or a list. Knows no codec but by content.
#pragma once
#include <string_view>
#include <vector>

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
             int channels);
  using Dataset::load;
  int64_t size() const override { return static_cast<int64_t>(paths_.size()); }
  int channels() const override { return channels_; }
  bool has_labels() const override { return classes_ > 0; }
  int64_t label(int64_t index) const override { return labels_.empty() ? -1 : labels_[static_cast<size_t>(index)]; }
  int64_t class_count() const override { return classes_; }
  std::vector<std::string> class_names() const override { return class_names_; }
  std::string describe(int64_t index) const override;
  void load(int64_t index, Image& out) const override;

 private:
  std::string path(int64_t index) const;

  std::string root_;
  PathTable paths_;
  std::vector<int32_t> labels_;
  std::vector<std::string> class_names_;
  int64_t classes_ = 0;
  int channels_;
};

enum class FolderLabels { automatic, required, none };

// Every file below root whose name has an image's ending, in any case: jpg, jpeg, jpe, jfif, png, or that of a format
// which cannot be decoded (gif, webp, bmp, tif, tiff, ppm, pgm, pbm, pnm), so that such a picture is found bad, not
// lost. In the order of the bytes of the relative paths. How many files with other endings are left out is logged;
// names that start with a dot are passed over; links to folders are followed, but not in circles. Labels: when every
// image lies in a sub-folder and there are two of these or more, the sub-folders of root, in the order of their bytes,
// are the classes. Error(data) when root is missing, cannot be read or holds no image.
std::unique_ptr<Dataset> open_image_folder(const std::string& root, FolderLabels labels, int channels);

// ann_file: one picture a line, "path" or "path label"; the last word is a label when it is a number, so paths may
// hold blanks. Paths are relative to root. Whether the files exist is seen when they are read.
std::unique_ptr<Dataset> open_image_list(const std::string& ann_file, const std::string& root, int channels);

}  // namespace selfsup::data
