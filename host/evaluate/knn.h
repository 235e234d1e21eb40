// The weighted nearest-neighbour probe (k neighbours by cosine, weights exp(similarity / T)). Knows no algorithm.
#pragma once
#include <ATen/core/Tensor.h>

namespace selfsup::evaluate {

struct KnnResult {
  at::Tensor neighbours;    // i64 [N,k], best first
  at::Tensor similarities;  // f32 [N,k], cosines
  at::Tensor scores;        // f32 [N,classes]
  at::Tensor predictions;   // i64 [N]
};

// bank [M,D] with bank_labels i64 [M] in 0 .. classes-1, queries [N,D]; k is cut to M. On the tensors' device; queries
// go in blocks, so that no [N,M] matrix is held.
KnnResult knn(const at::Tensor& bank, const at::Tensor& bank_labels, const at::Tensor& queries, int64_t classes,
              int64_t k, double temperature);

// Share of equal labels.
double accuracy(const at::Tensor& predictions, const at::Tensor& labels);

}  // namespace selfsup::evaluate
