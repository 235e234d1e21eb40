// What a set of pictures is, and how one is made of its specification. Knows neither transforms nor batches.
#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/image.h"

namespace selfsup::data {

// A picture that cannot be used; what() is the reason, without the path. The loader replaces it.
class BadImage : public std::runtime_error {
 public:
  explicit BadImage(const std::string& reason) : std::runtime_error(reason) {}
};

// Immutable; every function may be called by several threads at once. Indices run from 0 to size() - 1.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual int channels() const = 0;                                      // of every picture: 1 or 3
  virtual ImageShape image_shape() const { return {0, 0, channels()}; }  // height and width are 0 when they differ
  virtual bool has_labels() const { return false; }
  virtual int64_t label(int64_t) const { return -1; }  // 0 .. class_count() - 1; -1: this one has none
  virtual int64_t class_count() const { return 0; }
  virtual std::vector<std::string> class_names() const { return {}; }  // by label, where the set knows them
  virtual std::string describe(int64_t index) const = 0;               // for messages: printable UTF-8, one line
  // Reads or makes the picture; `out` keeps its memory. Throws BadImage.
  virtual void load(int64_t index, Image& out) const = 0;
  Image load(int64_t index) const {
    Image image;
    load(index, image);
    return image;
  }
};

// {"type": …, …}; without "type" an image_folder. Reads listings and labels (idx: the pictures too), not images.
// What is missing on disk or holds no image is an Error(data), what the schema cannot say an Error(usage).
std::unique_ptr<Dataset> make_dataset(const Json& spec);

// Some pictures of another set, in the order given. The other one outlives it.
class Subset : public Dataset {
 public:
  Subset(const Dataset& whole, std::vector<int64_t> indices) : whole_(whole), indices_(std::move(indices)) {}
  using Dataset::load;
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  int channels() const override { return whole_.channels(); }
  ImageShape image_shape() const override { return whole_.image_shape(); }
  bool has_labels() const override { return whole_.has_labels(); }
  int64_t label(int64_t i) const override { return whole_.label(at(i)); }
  int64_t class_count() const override { return whole_.class_count(); }
  std::vector<std::string> class_names() const override { return whole_.class_names(); }
  std::string describe(int64_t i) const override { return whole_.describe(at(i)); }
  void load(int64_t i, Image& out) const override { whole_.load(at(i), out); }

 private:
  int64_t at(int64_t i) const { return indices_[static_cast<size_t>(i)]; }
  const Dataset& whole_;
  std::vector<int64_t> indices_;
};

}  // namespace selfsup::data
