#include "evaluate/share.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace selfsup::evaluate {
namespace {

int64_t divided_up(int64_t a, int64_t b) { return (a - 1) / b + 1; }

}  // namespace

Share::Share(int64_t rows, int64_t batch_size, const distributed::Group& group)
    : rows_(rows),
      batch_size_(std::min(batch_size, rows)),
      batches_(divided_up(divided_up(rows_, batch_size_), group.world())),
      group_(group) {}

std::vector<int64_t> Share::rows() const {
  std::vector<int64_t> rows;
  const int64_t last = divided_up(rows_, batch_size_) - 1;
  for (int64_t i = 0; i < batches_; ++i) {
    const int64_t begin = std::min(i * group_.world() + group_.rank(), last) * batch_size_;
    for (int64_t row = begin; row < std::min(begin + batch_size_, rows_); ++row) rows.push_back(row);
  }
  return rows;
}

at::Tensor Share::gather(const at::Tensor& own) const {
  if (group_.world() == 1) return own;
  std::vector<int64_t> sizes = own.sizes().vec();
  sizes[0] = batches_ * batch_size_;
  const at::Tensor padded = at::zeros(sizes, own.options());
  padded.narrow(0, 0, own.size(0)).copy_(own);
  std::vector<int64_t> dealt = {group_.world(), batches_, batch_size_};
  dealt.insert(dealt.end(), sizes.begin() + 1, sizes.end());
  sizes[0] *= group_.world();
  return group_.all_gather(padded).view(dealt).transpose(0, 1).reshape(sizes).narrow(0, 0, rows_);
}

}  // namespace selfsup::evaluate
