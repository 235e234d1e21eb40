// Tensors on the CPU as pieces of plain memory: many small ones cost an operator call each the general way. Knows no
// meaning of a number.
#pragma once
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#ifndef _OPENMP
#error "without OpenMP at::parallel_for of the headers is a plain loop"
#endif

namespace selfsup::train {

struct FloatPiece {
  const float* data;
  int64_t count;
  size_t tensor;  // its place among those that were cut
};

inline bool dense_floats(const at::Tensor& t) {
  return t.device().is_cpu() && t.scalar_type() == at::kFloat && t.layout() == at::kStrided &&
         t.is_non_overlapping_and_dense();
}

// Of dense floats; equal for any number of threads.
inline std::vector<FloatPiece> pieces_of(const std::vector<at::Tensor>& tensors) {
  constexpr int64_t longest = 1 << 15;
  std::vector<FloatPiece> pieces;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const float* data = tensors[i].const_data_ptr<float>();
    const int64_t n = tensors[i].numel();
    for (int64_t at = 0; at < n; at += longest) pieces.push_back({data + at, std::min(longest, n - at), i});
  }
  return pieces;
}

// Calls work(i) for every piece, on several threads where that pays.
template <class Work>
void for_each_piece(const std::vector<FloatPiece>& pieces, const Work& work) {
  constexpr int64_t worth_threads = 4 << 15;
  int64_t elements = 0;
  for (const FloatPiece& piece : pieces) elements += piece.count;
  const auto some = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) work(static_cast<size_t>(i));
  };
  const auto count = static_cast<int64_t>(pieces.size());
  if (elements < worth_threads) return some(0, count);
  at::parallel_for(0, count, 1, some);
}

}  // namespace selfsup::train
