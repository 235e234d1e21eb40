// How work is cut into blocks, which depends on sizes alone, and spread over threads; scratch, and sums over blocks.
// Knows no half-block.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
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

// All of one size, as far as that goes, and that a multiple of `step`.
struct Blocks {
  int64_t items, per_block;  // items: rows, or samples
  Blocks(int64_t items_, int64_t most, int64_t step = 1) : items(items_) {
    const auto parts = [](int64_t n, int64_t of) { return (n + of - 1) / of; };
    per_block = parts(parts(items, parts(items, most)), step) * step;
  }
  int64_t count() const { return (items + per_block - 1) / per_block; }
  int64_t first(int64_t block) const { return block * per_block; }
  int64_t size(int64_t block) const { return std::min(per_block, items - first(block)); }
};

// Whole samples, which fill all lanes where attention has one in each.
inline Blocks blocks_of_samples(int64_t samples, const AttentionShape& s, int64_t weights) {
  const int64_t most = std::max<int64_t>(1, rows_of_block(weights) / s.tokens);
  return in_lanes(s) ? Blocks(samples, std::max(most, kLanes), kLanes) : Blocks(samples, most);
}

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

// work(i, scratch) for each i < count, on all threads; make gives each thread its scratch. A thread that is done takes
// the next i: which one takes it changes no bit, as work writes what is of i alone.
template <class Make, class Work>
void in_parallel(int64_t count, Make make, Work work) {
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, std::min<int64_t>(count, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    const OneThread alone;
    auto scratch = make();
    for (int64_t i = next++; i < count; i = next++) work(i, scratch);
  });
}

// A sum over blocks of vectors, each block's apart until all are there.
class Sums {
 public:
  Sums(int64_t blocks, std::vector<int64_t> widths) : blocks_(blocks), widths_(std::move(widths)) {
    for (const int64_t width : widths_) starts_.push_back(row_), row_ += width;
    parts_ = at::empty({blocks, row_}, at::kFloat);
    std::fill_n(part(0, 0), blocks * row_, 0.0f);
  }
  float* part(int64_t block, size_t which) { return data_of<float>(parts_) + block * row_ + starts_[which]; }
  at::Tensor total(size_t which) {
    at::Tensor sum = at::empty({widths_[which]}, at::kFloat);
    float* to = data_of<float>(sum);
    std::copy_n(part(0, which), widths_[which], to);
    for (int64_t block = 1; block < blocks_; ++block) {
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

// In tiles, the largest first, so that threads are done at about the same time. add: to what is there.
template <class T>
void add_weight_gradients(const std::vector<WeightGradient<T>>& gradients, bool add) {
  struct Tile {
    const WeightGradient<T>* gradient;
    int64_t row, rows, column, columns;
    int64_t work() const { return rows * columns * gradient->depth; }
  };
  constexpr int64_t kRows = 64, kMostRows = 128, kColumns = 384, kTiles = 16;
  std::vector<Tile> tiles;
  for (const WeightGradient<T>& g : gradients) {
    if (!g.out.defined()) continue;
    const Blocks across(g.out.size(1), kColumns);
    const int64_t rows = (g.out.size(0) * across.count() / kTiles + 15) / 16 * 16;
    const Blocks down(g.out.size(0), std::clamp(rows, kRows, kMostRows));
    for (int64_t i = 0; i < down.count(); ++i)
      for (int64_t k = 0; k < across.count(); ++k)
        tiles.push_back({&g, down.first(i), down.size(i), across.first(k), across.size(k)});
  }
  std::stable_sort(tiles.begin(), tiles.end(), [](const Tile& a, const Tile& b) { return a.work() > b.work(); });
  in_parallel(
      static_cast<int64_t>(tiles.size()), [] { return 0; },
      [&](int64_t i, int) {
        const Tile& tile = tiles[static_cast<size_t>(i)];
        const WeightGradient<T>& g = *tile.gradient;
        const int64_t height = g.out.size(0), width = g.out.size(1);
        multiply(tile.rows, tile.columns, g.depth, g.left + tile.row, {height, true}, g.right + tile.column,
                 {width, false}, add ? 1 : 0, data_of<float>(g.out) + tile.row * width + tile.column, width);
      });
}

}  // namespace selfsup::fused
