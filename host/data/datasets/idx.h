// The IDX format of the MNIST family, plain or gzipped, held in memory. Knows no other format.
#pragma once
#include <vector>

#include "data/datasets/dataset.h"

namespace selfsup::data {

// images: unsigned bytes, [N, H, W] or [N, H, W, 1 or 3]; labels (may be empty: none): unsigned bytes, [N].
// Error(data) when a file is missing or is not what its name promises, or holds more than this process may take where
// so many of the machine each hold it.
class IdxDataset : public Dataset {
 public:
  IdxDataset(std::string images_path, const std::string& labels_path, int local_ranks = 1);
  using Dataset::load;
  int64_t size() const override { return size_; }
  int channels() const override { return shape_.channels; }
  ImageShape image_shape() const override { return shape_; }
  bool has_labels() const override { return !labels_.empty(); }
  int64_t label(int64_t index) const override { return labels_.empty() ? -1 : labels_[static_cast<size_t>(index)]; }
  int64_t class_count() const override { return classes_; }
  std::string describe(int64_t index) const override;
  void load(int64_t index, Image& out) const override;

 private:
  std::string path_;
  int64_t size_ = 0, classes_ = 0;
  ImageShape shape_;
  size_t offset_ = 0;  // of the first pixel in bytes_
  std::vector<uint8_t> bytes_, labels_;
};

}  // namespace selfsup::data
