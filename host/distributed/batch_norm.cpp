#include "distributed/batch_norm.h"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/batch_norm_update_stats.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <utility>
#include <vector>

namespace selfsup::distributed {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

// Of all rows. count: f64 of no dimension; the others [C], of the type that x is summed in.
struct Statistics {
  at::Tensor count, mean, var, unbiased;
};

at::ScalarType sum_type(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

// [1, 1 + 2 C], f64: count, means, sums of squared distances from them.
at::Tensor own_moments(const at::Tensor& x) {
  const int64_t channels = x.size(1);
  const auto f64 = x.options().dtype(at::kDouble);
  if (x.numel() == 0) return at::zeros({1, 1 + 2 * channels}, f64);
  // Half-precision numbers are summed as f32 where running statistics are f32.
  std::optional<at::Tensor> scratch;
  if (x.scalar_type() != sum_type(x)) scratch = at::zeros({channels}, x.options().dtype(at::kFloat));
  const auto [mean, var] = at::batch_norm_update_stats(x, scratch, scratch, 0);
  const auto count = static_cast<double>(x.numel() / channels);
  return at::cat({at::full({1}, count, f64), mean.to(at::kDouble), var.to(at::kDouble) * count}).unsqueeze(0);
}

Statistics statistics(const Group& group, const at::Tensor& x) {
  const int64_t channels = x.size(1);
  const at::Tensor all = group.all_gather(own_moments(x));
  const at::Tensor counts = all.narrow(1, 0, 1), means = all.narrow(1, 1, channels),
                   squares = all.narrow(1, 1 + channels, channels);
  const at::Tensor count = counts.sum(), mean = (counts * means).sum(0) / count;
  // Where the numbers are at hand; on a GPU asking would make the host wait.
  TORCH_CHECK(!count.is_cpu() || count.item<double>() >= 2,
              "one value a channel over all ranks; a batch statistic needs two");
  const at::Tensor square = (squares + counts * (means - mean).square()).sum(0);
  const at::ScalarType type = sum_type(x);
  return {count, mean.to(type), (square / count).to(type), (square / (count - 1)).to(type)};
}

std::optional<at::Tensor> maybe(at::Tensor tensor) {
  if (!tensor.defined()) return std::nullopt;
  return tensor;
}

class BatchNormBackward final : public torch::autograd::Node {
 public:
  BatchNormBackward(const Group& group, const at::Tensor& x, const BatchNormArguments& a, const Statistics& s)
      : group_(group),
        x_(x, /*is_output=*/false),
        weight_(a.weight.value_or(at::Tensor()), /*is_output=*/false),
        count_(s.count),
        mean_(s.mean),
        var_(s.var),
        eps_(a.eps) {
    set_next_edges(torch::autograd::collect_next_edges(x, a.weight, a.bias));
  }

  std::string name() const override { return "SyncBatchNormBackward"; }

  variable_list apply(variable_list&& gradients) override {
    TORCH_CHECK(!c10::GradMode::is_enabled(), "batch norm over several ranks has no second derivative");
    const std::lock_guard<std::mutex> lock(mutex_);
    const at::Tensor x = x_.unpack(), weight = weight_.unpack();
    // One that is not there is zero: the other ranks wait for this one's.
    const at::Tensor g = gradients[0].defined() ? gradients[0] : input_metadata(0).zeros_like();
    const int64_t channels = x.size(1);
    // With y = w h + b and h = (x - mean) s, s = 1 / sqrt(var + eps): what comes by y alone, sum(g h) and sum(g).
    at::Tensor by_y, by_weight, by_bias;
    if (x.numel() == 0) {
      by_y = at::zeros_like(x);
      by_weight = by_bias = at::zeros({channels}, mean_.options());
    } else {
      std::tie(by_y, by_weight, by_bias) = at::native_batch_norm_backward(g, x, maybe(weight), mean_, var_, {}, {},
                                                                          /*train=*/false, eps_, {true, true, true});
    }
    if (task_should_compute_output(0)) {
      // And by mean and variance: - w s / count * (sum(g) + h sum(g h)), sums over all ranks.
      at::Tensor sums = at::cat({by_bias, by_weight}).to(mean_.scalar_type());
      group_.all_reduce(sums, Reduce::sum);
      const at::Tensor s = (var_ + eps_).rsqrt();
      at::Tensor each = s / count_.to(mean_.scalar_type());
      if (weight.defined()) each = each * weight;
      const at::Tensor slope = -each * s * sums.narrow(0, channels, channels);
      const at::Tensor constant = -each * sums.narrow(0, 0, channels) - slope * mean_;
      std::vector<int64_t> along(static_cast<size_t>(x.dim()), 1);
      along[1] = channels;
      by_y.add_(at::addcmul(constant.view(along), x, slope.view(along)));
    }
    return {std::move(by_y), weight.defined() ? std::move(by_weight) : at::Tensor(),
            task_should_compute_output(2) ? std::move(by_bias) : at::Tensor()};
  }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    x_.reset_data();
    weight_.reset_data();
  }

 private:
  const Group& group_;
  SavedVariable x_, weight_;
  at::Tensor count_, mean_, var_;
  double eps_;
};

}  // namespace

at::Tensor batch_norm(const Group& group, const at::Tensor& x, const BatchNormArguments& a) {
  at::Tensor y;
  Statistics s;
  {
    const c10::NoGradGuard no_grad;
    s = statistics(group, x);
    y = at::batch_norm(x, a.weight, a.bias, s.mean, s.var, /*training=*/false, 0, a.eps, /*cudnn_enabled=*/false);
    if (a.running_mean) {
      a.running_mean->mul_(1 - a.momentum).add_(s.mean, a.momentum);
      a.running_var->mul_(1 - a.momentum).add_(s.unbiased, a.momentum);
    }
  }
  if (torch::autograd::compute_requires_grad(x, a.weight, a.bias)) {
    const std::shared_ptr<BatchNormBackward> node(new BatchNormBackward(group, x, a, s), torch::autograd::deleteNode);
    torch::autograd::set_history(y, node);
  }
  return y;
}

}  // namespace selfsup::distributed
