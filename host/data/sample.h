// One sample on its way through the pipeline, and its random numbers. Knows neither transforms nor batches.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/random.h"
#include "data/view.h"

namespace selfsup::data {

enum class FieldType { u8, i32, i64, f32, f64, boolean };
size_t size_of(FieldType type);  // bytes of one element

// A typed array that travels beside the images. bytes holds the product of sizes (1 when empty) elements.
struct Field {
  std::string name;
  int view = -1;  // the view it belongs to; -1: the whole sample
  FieldType type = FieldType::f32;
  std::vector<int64_t> sizes;
  std::vector<std::byte> bytes;
};

template <class T>
constexpr FieldType field_type_of() {
  if constexpr (std::is_same_v<T, bool>) return FieldType::boolean;
  if constexpr (std::is_same_v<T, int32_t>) return FieldType::i32;
  if constexpr (std::is_same_v<T, int64_t>) return FieldType::i64;
  if constexpr (std::is_same_v<T, float>) return FieldType::f32;
  if constexpr (std::is_same_v<T, double>) return FieldType::f64;
  return FieldType::u8;
}

// A row of numbers.
template <class T>
Field field_of(std::string name, int view, std::initializer_list<T> values) {
  const auto* bytes = reinterpret_cast<const std::byte*>(values.begin());
  return {std::move(name),
          view,
          field_type_of<T>(),
          {static_cast<int64_t>(values.size())},
          {bytes, bytes + values.size() * sizeof(T)}};
}

struct Sample {
  std::vector<View> views;    // one before a multi-view transform
  std::vector<Field> fields;  // names are unique per view
  int64_t index = 0;          // position in the dataset
  int64_t label = -1;         // -1: none
  uint64_t epoch = 0;
  const Sample* whole = nullptr;  // of which this one is a view, inside a multi-view transform

  // A sample with one view, without fields; its source, to be filled, keeps the memory of the sample before.
  ImageSource& open(int64_t of_index, int64_t of_label, uint64_t of_epoch);
  // The same for an image that is there already: its pixels are to be written.
  Image& start(int64_t of_index, int64_t of_label, uint64_t of_epoch) {
    return open(of_index, of_label, of_epoch).blank();
  }
  // Replaces the field of that name and view, or appends it.
  void set_field(Field field);
  // Of this sample, or of the whole; null: none has set it.
  const Field* find_field(std::string_view name, int view) const;
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
  void view(int view) { stream_ = stream_of(view); }
  // That stream from its start, to be drawn from beside the others.
  KeyedRandom stream_of(int64_t view) const { return KeyedRandom(hash_key(base_, first_view_ + view, position_)); }
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
