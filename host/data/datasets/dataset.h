// What a set of images is, and how one is made of its specification. Knows neither transforms nor batches.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/registry.h"
#include "data/image.h"
#include "data/image_source.h"

namespace selfsup::data {

// Immutable; every function may be called by several threads at once. Indices run from 0 to size() - 1.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual int channels() const = 0;                                      // of every image: 1 or 3
  virtual ImageShape image_shape() const { return {0, 0, channels()}; }  // height and width are 0 when they differ
  virtual bool has_labels() const { return false; }
  virtual int64_t label(int64_t) const { return -1; }  // 0 .. class_count() - 1; -1: this one has none
  virtual int64_t class_count() const { return 0; }
  virtual std::vector<std::string> class_names() const { return {}; }  // by label, where the set knows them
  virtual std::string describe(int64_t index) const = 0;               // for messages: printable UTF-8, one line
  // Reads or makes the image; `out` keeps its memory. Throws BadImage.
  virtual void load(int64_t index, Image& out) const = 0;
  // Why the image cannot be used, as far as a file's first bytes tell; "" when nothing speaks against it. Error(data).
  virtual std::string refusal(int64_t) const { return ""; }
  // Its name promises a format that is not read: worth a look before the others.
  virtual bool looks_foreign(int64_t) const { return false; }
  // The same, where decoding can wait until it is known which pixels are wanted.
  virtual void open(int64_t index, ImageSource& out) const { load(index, out.blank()); }
  Image load(int64_t index) const {
    Image image;
    load(index, image);
    return image;
  }
};

// What a run says of the image files of all its sets, beside what each set says of itself.
struct Reading {
  int64_t max_pixels = kMaxImagePixels;  // as in Decoding
  bool keep_truncated = false;
  std::string work_dir;         // of the run: no image of a folder lies there
  int local_ranks = 1;          // processes of the run on this machine, each of which opens the sets
  std::function<void()> pause;  // called now and then while a folder is listed; what it throws ends that
};

// What a file of this folder defines, and types.cpp lists.
struct DatasetType {
  std::vector<std::string_view> names;
  Json schema;  // of a specification {"type": …, …}
  // Reads listings and labels (idx: the images too), not images. What is missing on disk or holds no image is an
  // Error(data), what the schema cannot say an Error(usage).
  std::unique_ptr<Dataset> (*make)(const Json& spec, const Reading& reading);
  // The shape of the images as far as it is known before the set is opened; 0 is not known. May throw.
  ImageShape (*stated_shape)(const Json& spec);
};
const Registry<DatasetType>& dataset_types();

inline constexpr std::string_view kDefaultDataset = "image_folder";  // of a specification without "type"

// spec: resolved, which means checked against its type's schema, defaults filled in. Throws as DatasetType::make.
std::unique_ptr<Dataset> make_dataset(const Json& spec, const Reading& reading = {});

// spec: not yet checked. 0 for what is not known. Never an error: it will be refused later.
ImageShape stated_shape(const Json& spec);

// Some images of another set, in the order given. The other one outlives it.
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
  std::string refusal(int64_t i) const override { return whole_.refusal(at(i)); }
  bool looks_foreign(int64_t i) const override { return whole_.looks_foreign(at(i)); }
  void open(int64_t i, ImageSource& out) const override { whole_.open(at(i), out); }

 private:
  int64_t at(int64_t i) const { return indices_[static_cast<size_t>(i)]; }
  const Dataset& whole_;
  std::vector<int64_t> indices_;
};

}  // namespace selfsup::data
