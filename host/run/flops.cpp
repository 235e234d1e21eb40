#include "run/flops.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <atomic>
#include <memory>
#include <string_view>

namespace selfsup::run {
namespace {

using Inputs = c10::ArrayRef<const c10::IValue>;

std::atomic<int64_t> counted{0};  // callbacks are plain functions

// [..., m, k] times [..., k, n].
int64_t product(const at::Tensor& a, const at::Tensor& b) { return 2 * a.numel() * b.size(-1); }

// Every value of one side takes part in as many multiply-adds as the weight has numbers for each of its channels.
int64_t convolution(int64_t values, const at::Tensor& weight) { return 2 * values * (weight.numel() / weight.size(0)); }

// convolution(input, weight, bias, stride, padding, dilation, transposed, …)
int64_t convolution_forward(Inputs in) {
  const at::Tensor input = in[0].toTensor(), weight = in[1].toTensor();
  if (in[6].toBool()) return convolution(input.numel(), weight);
  const std::vector<int64_t> stride = in[3].toIntVector(), padding = in[4].toIntVector(),
                             dilation = in[5].toIntVector();
  const auto of = [](const std::vector<int64_t>& list, size_t i) { return list.size() > i ? list[i] : list.back(); };
  int64_t values = input.size(0) * weight.size(0);
  for (int64_t d = 2; d < weight.dim(); ++d) {
    const auto i = static_cast<size_t>(d - 2);
    const int64_t reach = of(dilation, i) * (weight.size(d) - 1) + 1;
    values *= (input.size(d) + 2 * of(padding, i) - reach) / of(stride, i) + 1;
  }
  return convolution(values, weight);
}

// convolution_backward(grad_output, input, weight, bias_sizes, stride, padding, dilation, transposed, output_padding,
// groups, output_mask)
int64_t convolution_backward(Inputs in) {
  const bool transposed = in[7].toBool();
  const auto wanted = in[10].toBoolList();
  const int64_t one = convolution(in[transposed ? 1 : 0].toTensor().numel(), in[2].toTensor());
  return one * (static_cast<int64_t>(wanted.get(0)) + static_cast<int64_t>(wanted.get(1)));
}

// queries [B, H, L, D] and keys.
int64_t attention(const at::Tensor& queries, const at::Tensor& keys, int64_t products) {
  return products * 2 * queries.numel() * keys.size(-2);
}

int64_t flops_of(std::string_view name, Inputs in) {
  if (name == "aten::mm" || name == "aten::bmm") return product(in[0].toTensor(), in[1].toTensor());
  if (name == "aten::addmm" || name == "aten::baddbmm") return product(in[1].toTensor(), in[2].toTensor());
  if (name == "aten::convolution") return convolution_forward(in);
  if (name == "aten::convolution_backward") return convolution_backward(in);
  const bool fused = name.starts_with("aten::_scaled_dot_product_") && !name.ends_with("_math");
  if (!fused) return 0;
  if (name.find("backward") == name.npos) return attention(in[0].toTensor(), in[1].toTensor(), 2);
  return attention(in[1].toTensor(), in[2].toTensor(), 5);
}

std::unique_ptr<at::ObserverContext> on_operator(const at::RecordFunction& function) {
  counted.fetch_add(flops_of(function.name(), function.inputs()), std::memory_order_relaxed);
  return nullptr;
}

}  // namespace

FlopCounter::FlopCounter() {
  counted = 0;
  handle_ = at::addGlobalCallback(
      at::RecordFunctionCallback(on_operator).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
}

FlopCounter::~FlopCounter() { at::removeCallback(handle_); }

int64_t FlopCounter::count() const { return counted; }

}  // namespace selfsup::run
