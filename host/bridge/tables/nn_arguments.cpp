#include "bridge/tables/nn_arguments.h"

#include <ATen/autocast_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "bridge/operators/dtype.h"

namespace selfsup::bridge {
namespace {

bool fits(at::IntArrayRef sizes, at::IntArrayRef to) {
  if (sizes.size() > to.size()) return false;
  for (size_t i = 1; i <= sizes.size(); ++i) {
    const int64_t here = sizes[sizes.size() - i];
    if (here != 1 && here != to[to.size() - i]) return false;
  }
  return true;
}

}  // namespace

std::string text_of(at::IntArrayRef sizes) { return fmt::format("[{}]", fmt::join(sizes, ", ")); }

void NnArguments::wrong(const std::string& text) const { fail(SSP_E_ARGUMENT, fmt::format("{}: {}", what_, text)); }

void NnArguments::flags(uint32_t given, uint32_t known) const {
  const uint32_t unknown = given & 0xffff & ~known;  // those from bit 16 on may be ignored
  if (unknown & SSP_NN_CAUSAL) wrong("flags have SSP_NN_CAUSAL, which means nothing here");
  if (unknown != 0) throw NotFused{fmt::format("it has flags that this host does not know: {:#x}", unknown)};
}

void NnArguments::activation(uint32_t given) const {
  if (given > SSP_NN_NONE) throw NotFused{fmt::format("this host knows no activation {}", given)};
}

at::Tensor NnArguments::tensor(ssp_tensor handle, const char* name) {
  if (handle.id == 0) wrong(fmt::format("{} is none; it cannot be left out", name));
  return maybe(handle, name);
}

at::Tensor NnArguments::maybe(ssp_tensor handle, const char* name) {
  if (handle.id == 0) return {};
  try {
    const at::Tensor& t = host_.handles.peek(handle);
    require_values(host_, t);
    return t;
  } catch (const Failure& failure) {
    fail(failure.status, fmt::format("{}: {}: {}", what_, name, failure.text));
  }
}

void NnArguments::sizes(const at::Tensor& t, const char* name, at::IntArrayRef expected) const {
  if (!t.defined() || t.sizes() == expected) return;
  wrong(fmt::format("{} is {}, and must be {}, since {}", name, text_of(t.sizes()), text_of(expected), of_));
}

void NnArguments::broadcasts(const at::Tensor& t, const char* name, at::IntArrayRef to) const {
  if (!t.defined() || fits(t.sizes(), to)) return;
  wrong(fmt::format("{} is {}, which does not broadcast to {}, [B, heads, L - from, L]; {}", name, text_of(t.sizes()),
                    text_of(to), of_));
}

fused::Norm NnArguments::norm(const ssp_nn_norm& given, int64_t width) {
  const fused::Norm norm = {maybe(given.weight, "norm.weight"), maybe(given.bias, "norm.bias"), given.eps};
  sizes(norm.weight, "norm.weight", {width});
  sizes(norm.bias, "norm.bias", {width});
  finite(norm.eps, "norm.eps");
  if (norm.eps < 0) wrong(fmt::format("norm.eps is {}, and must be 0 or more", norm.eps));
  return norm;
}

fused::Linear NnArguments::linear(const ssp_nn_linear& given, const char* name, int64_t out, int64_t in) {
  const std::string weight = fmt::format("{}.weight", name), bias = fmt::format("{}.bias", name);
  const fused::Linear linear = {tensor(given.weight, weight.c_str()), maybe(given.bias, bias.c_str())};
  sizes(linear.weight, weight.c_str(), {out, in});
  sizes(linear.bias, bias.c_str(), {out});
  return linear;
}

void NnArguments::finite(double number, const char* name) const {
  if (!std::isfinite(number)) wrong(fmt::format("{} is {}; it must be finite", name, number));
}

bool products_read_bf16() {
  if (!at::autocast::is_autocast_enabled(at::kCPU)) return false;
  const at::ScalarType type = at::autocast::get_autocast_dtype(at::kCPU);
  if (type != at::kBFloat16) throw NotFused{fmt::format("autocast to {}", dtype_name(type))};
  return true;
}

void require_fusible(at::TensorList tensors, at::ScalarType type) {
  for (const at::Tensor& t : tensors) {
    if (!t.defined()) continue;
    if (!t.is_cpu()) throw NotFused{"there are no fused kernels for tensors on a GPU"};
    if (t.layout() != at::kStrided || t.is_neg()) throw NotFused{"a tensor is sparse, or a lazy view"};
    if (t.scalar_type() != type)
      throw NotFused{
          fmt::format("a tensor is {}, and {} is what is fused", dtype_name(t.scalar_type()), dtype_name(type))};
    if (t.numel() == 0) throw NotFused{"a tensor is empty"};
  }
}

}  // namespace selfsup::bridge
