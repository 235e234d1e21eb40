#include "evaluate/knn.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace selfsup::evaluate {
namespace {

at::Tensor unit_rows(const at::Tensor& x) {
  const at::Tensor f = x.to(at::kFloat);
  return f / f.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-12);
}

}  // namespace

KnnResult knn(const at::Tensor& bank, const at::Tensor& bank_labels, const at::Tensor& queries, int64_t classes,
              int64_t k, double temperature) {
  at::NoGradGuard no_grad;
  constexpr int64_t block = 512;
  k = std::min(k, bank.size(0));
  const at::Tensor columns = unit_rows(bank).t(), rows = unit_rows(queries);
  std::vector<at::Tensor> neighbours, similarities, scores;
  for (int64_t start = 0; start < rows.size(0); start += block) {
    const at::Tensor some = rows.slice(0, start, std::min(rows.size(0), start + block));
    auto [similarity, index] = at::mm(some, columns).topk(k, 1);
    const at::Tensor votes = at::zeros({some.size(0), classes}, some.options());
    votes.scatter_add_(1, bank_labels.index_select(0, index.flatten()).view_as(index),
                       (similarity / temperature).exp());
    neighbours.push_back(index);
    similarities.push_back(similarity);
    scores.push_back(votes);
  }
  KnnResult out{at::cat(neighbours), at::cat(similarities), at::cat(scores), {}};
  out.predictions = out.scores.argmax(1);
  return out;
}

double accuracy(const at::Tensor& predictions, const at::Tensor& labels) {
  return predictions.eq(labels).to(at::kDouble).mean().item<double>();
}

}  // namespace selfsup::evaluate
