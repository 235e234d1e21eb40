// How work is cut into blocks, which depends on sizes alone, and spread over threads; scratch, and sums over blocks.
// Knows no half-block.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "fused/products.h"

#ifndef _OPENMP
#error "without OpenMP at::parallel_for of the headers is a plain loop"
#endif

namespace selfsup::fused {

// Rows of a block: so many that the widest scratch stays in the second cache and products are at their full speed,
// which with weights that fill that cache for themselves takes more.
inline int64_t rows_of_block(int64_t weights) {
  constexpr int64_t kLargeWeights = int64_t{1} << 19;
  return weights >= kLargeWeights ? 256 : 128;
}

// All of one size, as far as that goes.
struct Blocks {
  int64_t items, per_block;  // items: rows, or samples
  Blocks(int64_t items_, int64_t most) : items(items_) {
    const int64_t blocks = (items + most - 1) / most;
    per_block = (items + blocks - 1) / blocks;
  }
  int64_t count() const { return (items + per_block - 1) / per_block; }
  int64_t first(int64_t block) const { return block * per_block; }
  int64_t size(int64_t block) const { return std::min(per_block, items - first(block)); }
};

// Blocks whose results are kept until products for weights read them all at once: more make longer sums and more work
// for threads, fewer stay nearer.
inline int64_t blocks_of_group(int64_t bytes_of_block) {
  constexpr int64_t kBytes = int64_t{8} << 20, kFewest = 4, kMost = 16;
  return std::clamp(kBytes / std::max<int64_t>(bytes_of_block, 1), kFewest, kMost);
}

template <class T>
T* data_of(const at::Tensor& t) {
  return static_cast<T*>(t.data_ptr());
}
inline float* floats_of(const at::Tensor& t) { return t.defined() ? data_of<float>(t) : nullptr; }

template <class T>
at::TensorOptions options_of() {
  return at::TensorOptions(sizeof(T) == sizeof(float) ? at::kFloat : at::kBFloat16);
}

// Memory of one thread, cut into pieces that begin at a cache line.
class Scratch {
 public:
  explicit Scratch(int64_t bytes) : memory_(at::empty({bytes}, at::kByte)), next_(data_of<uint8_t>(memory_)) {}
  template <class T>
  T* take(int64_t n) {
    T* taken = reinterpret_cast<T*>(next_);
    next_ += bytes<T>(n);
    return taken;
  }
  template <class T>
  static int64_t bytes(int64_t n) {
    return (n * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
  }

 private:
  at::Tensor memory_;
  uint8_t* next_;
};

// work(i, scratch) for each i < count, on all threads; make gives each thread its scratch.
template <class Make, class Work>
void in_parallel(int64_t count, Make make, Work work) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    const OneThread alone;
    auto scratch = make();
    for (int64_t i = begin; i < end; ++i) work(i, scratch);
  });
}

// A sum over blocks of vectors, each block's apart until all are there.
class Sums {
 public:
  Sums(int64_t blocks, std::vector<int64_t> widths) : blocks_(blocks), widths_(std::move(widths)) {
    for (const int64_t width : widths_) starts_.push_back(row_), row_ += width;
    parts_ = at::zeros({blocks, row_}, at::kFloat);
  }
  float* part(int64_t block, size_t which) { return data_of<float>(parts_) + block * row_ + starts_[which]; }
  at::Tensor total(size_t which) {
    at::Tensor sum = at::zeros({widths_[which]}, at::kFloat);
    float* to = data_of<float>(sum);
    for (int64_t block = 0; block < blocks_; ++block) {
      const float* from = part(block, which);
      for (int64_t i = 0; i < widths_[which]; ++i) to[i] += from[i];
    }
    return sum;
  }

 private:
  int64_t blocks_, row_ = 0;
  std::vector<int64_t> widths_, starts_;
  at::Tensor parts_;
};

// out [rows, columns] = left^T right over `depth` rows: the gradient of a weight, if it is asked for.
template <class T>
struct WeightGradient {
  const at::Tensor& out;  // undefined: not asked for
  const T *left, *right;
  int64_t depth;
};

// In tiles of the weights' rows. add: to what is there.
template <class T>
void add_weight_gradients(const std::vector<WeightGradient<T>>& gradients, bool add) {
  struct Tile {
    const WeightGradient<T>* gradient;
    int64_t first, rows;
  };
  constexpr int64_t kFewestRows = 64, kTiles = 16;
  std::vector<Tile> tiles;
  for (const WeightGradient<T>& g : gradients) {
    if (!g.out.defined()) continue;
    const int64_t rows = g.out.size(0), step = std::max(kFewestRows, ((rows + kTiles - 1) / kTiles + 15) / 16 * 16);
    for (int64_t first = 0; first < rows; first += step) tiles.push_back({&g, first, std::min(step, rows - first)});
  }
  in_parallel(
      static_cast<int64_t>(tiles.size()), [] { return 0; },
      [&](int64_t i, int) {
        const auto& [g, first, rows] = tiles[static_cast<size_t>(i)];
        const int64_t all = g->out.size(0), columns = g->out.size(1);
        multiply(rows, columns, g->depth, g->left + first, {all, true}, g->right, {columns, false}, add ? 1 : 0,
                 data_of<float>(g->out) + first * columns, columns);
      });
}

}  // namespace selfsup::fused
