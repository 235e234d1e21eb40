// One sample on its way through the pipeline, and its random numbers. Knows neither transforms nor batches.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/image.h"

namespace selfsup::data {

enum class FieldType { u8, i32, i64, f32, f64, boolean };
size_t size_of(FieldType type);  // bytes of one element

// A typed array that travels beside the pictures. bytes holds the product of sizes (1 when empty) elements.
struct Field {
  std::string name;
  int view = -1;  // the view it belongs to; -1: the whole sample
  FieldType type = FieldType::f32;
  std::vector<int64_t> sizes;
  std::vector<std::byte> bytes;
};

struct Sample {
  std::vector<Image> views;   // one before a multi-view transform
  std::vector<Field> fields;  // names are unique per view
  int64_t index = 0;          // position in the dataset
  int64_t label = -1;         // -1: none

  // Replaces the field of that name and view, or appends it.
  void set_field(Field field);
};

// Random numbers of a sample, keyed by (seed, epoch, sample index, view, position in the pipeline, draw): they depend
// on no worker, rank, batch or earlier sample. The pipeline moves it on; transforms draw. Not shared among threads.
class SampleRandom {
 public:
  SampleRandom(uint64_t seed, uint64_t epoch, int64_t index)
      : base_(hash_key(seed, hash_name("sample"), epoch, index)), stream_(0) {
    at(0);
  }

  // Starts the streams of a transform: position is its place in the pipeline, counted through nested ones.
  void at(int position) {
    position_ = position;
    view(0);
  }
  // Starts the stream of a view of the sample that the running transform sees. at() has chosen view 0.
  void view(int view) { stream_ = KeyedRandom(hash_key(base_, first_view_ + view, position_)); }
  // The same sample seen by a pipeline nested in a multi-view transform, whose view 0 is this one's view `first`.
  SampleRandom nested(int first) const {
    SampleRandom copy = *this;
    copy.first_view_ += first;
    copy.view(0);
    return copy;
  }

  uint64_t next() { return stream_.next(); }
  double uniform() { return stream_.uniform(); }                            // [0, 1)
  double uniform(double lo, double hi) { return stream_.uniform(lo, hi); }  // [lo, hi)
  uint64_t below(uint64_t n) { return stream_.below(n); }                   // 0 .. n-1

 private:
  uint64_t base_;
  int first_view_ = 0, position_ = 0;
  KeyedRandom stream_;
};

}  // namespace selfsup::data
