#include "fused/support/single_operators.h"

#include <ATen/autocast_mode.h>

#include <algorithm>
#include <cmath>

namespace selfsup::fused::testing {
namespace {

at::Tensor random(at::IntArrayRef sizes, double deviation, double mean = 0) {
  return (at::randn(sizes) * deviation + mean).requires_grad_();
}

void widen(at::Tensor& t) {
  if (t.defined()) t = t.detach().to(at::kDouble).requires_grad_(t.requires_grad());
}

at::Tensor normed(const at::Tensor& x, const Norm& norm) {
  return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, norm.eps);
}

at::Tensor with_branch(const at::Tensor& x, at::Tensor branch, const Half& h) {
  if (h.layer_scale.defined()) branch = branch * h.layer_scale;
  if (h.keep.defined()) {
    std::vector<int64_t> shape(static_cast<size_t>(branch.dim()), 1);
    shape[0] = h.keep.size(0);
    branch = branch * h.keep.view(shape);
  }
  return x + branch;
}

// [B, heads, L, head] each; the logits in full, so that nothing but plain operators is used.
at::Tensor attended(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias, bool causal,
                    double scale) {
  at::Tensor mask = bias;
  if (causal) {
    const int64_t queries = q.size(2), keys = k.size(2);
    const at::Tensor seen = at::ones({queries, keys}, at::kBool).tril(keys - queries);
    const at::Tensor hidden = at::zeros({queries, keys}).masked_fill(seen.logical_not(), -INFINITY);
    mask = bias.defined() ? bias + hidden : hidden;
  }
  return at::scaled_dot_product_attention(
             q, k, v, mask.defined() ? std::optional(mask.to(q.scalar_type())) : std::nullopt, 0, false, scale)
      .transpose(1, 2);
}

at::Tensor activated(const at::Tensor& x, Activation act) {
  switch (act) {
    case Activation::gelu:
      return at::gelu(x);
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    case Activation::silu:
      return at::silu(x);
    case Activation::relu:
      break;
  }
  return at::relu(x);
}

}  // namespace

at::Tensor in_single_operators(const AttentionHalf& h) {
  const int64_t B = h.x.size(0), L = h.x.size(1), D = h.x.size(2);
  const at::Tensor qkv = at::linear(normed(h.x, h.norm), h.qkv.weight, h.qkv.bias);
  const auto parts = qkv.reshape({B, L, 3, h.heads, D / h.heads}).permute({2, 0, 3, 1, 4}).unbind(0);
  const at::Tensor out = attended(parts[0].slice(2, h.from), parts[1], parts[2], h.bias, h.causal, h.scale);
  return with_branch(h.x.slice(1, h.from), at::linear(out.reshape({B, L - h.from, D}), h.proj.weight, h.proj.bias), h);
}

at::Tensor in_single_operators(const MlpHalf& h) {
  const at::Tensor u = at::linear(normed(h.x, h.norm), h.up.weight, h.up.bias);
  return with_branch(h.x, at::linear(activated(u, h.activation), h.down.weight, h.down.bias), h);
}

at::Tensor in_single_operators(const PackedAttention& a) {
  const auto parts = a.qkv.permute({2, 0, 3, 1, 4}).unbind(0);
  return attended(parts[0].slice(2, a.from), parts[1], parts[2], a.bias, a.causal, a.scale).flatten(2);
}

AttentionHalf in_double(AttentionHalf h) {
  for (at::Tensor* t : {&h.x, &h.norm.weight, &h.norm.bias, &h.qkv.weight, &h.qkv.bias, &h.proj.weight, &h.proj.bias,
                        &h.keep, &h.layer_scale, &h.bias})
    widen(*t);
  return h;
}

MlpHalf in_double(MlpHalf h) {
  for (at::Tensor* t : {&h.x, &h.norm.weight, &h.norm.bias, &h.up.weight, &h.up.bias, &h.down.weight, &h.down.bias,
                        &h.keep, &h.layer_scale})
    widen(*t);
  return h;
}

AttentionHalf attention_of(const Shape& s) {
  AttentionHalf h;
  const double spread = 1 / std::sqrt(static_cast<double>(s.width));
  h.x = random({s.batch, s.tokens, s.width}, 1, 0.3);
  h.norm = {random({s.width}, 0.2, 1), random({s.width}, 0.2), 1e-6};
  h.qkv = {random({3 * s.width, s.width}, spread), random({3 * s.width}, 0.2)};
  h.proj = {random({s.width, s.width}, spread), random({s.width}, 0.2)};
  h.heads = s.heads;
  h.scale = 1 / std::sqrt(static_cast<double>(s.width / s.heads));
  return h;
}

MlpHalf mlp_of(const Shape& s) {
  MlpHalf h;
  h.x = random({s.batch, s.tokens, s.width}, 1, 0.3);
  h.norm = {random({s.width}, 0.2, 1), random({s.width}, 0.2), 1e-6};
  h.up = {random({s.hidden, s.width}, 1 / std::sqrt(static_cast<double>(s.width))), random({s.hidden}, 0.2)};
  h.down = {random({s.width, s.hidden}, 1 / std::sqrt(static_cast<double>(s.hidden))), random({s.width}, 0.2)};
  return h;
}

std::vector<at::Tensor> inputs_of(const AttentionHalf& h) {
  return {h.x, h.norm.weight, h.norm.bias, h.qkv.weight, h.qkv.bias, h.proj.weight, h.proj.bias, h.layer_scale, h.bias};
}

std::vector<at::Tensor> inputs_of(const MlpHalf& h) {
  return {h.x, h.norm.weight, h.norm.bias, h.up.weight, h.up.bias, h.down.weight, h.down.bias, h.layer_scale};
}

Outcome outcome(const at::Tensor& y, const std::vector<at::Tensor>& inputs) {
  const at::Tensor numbers = at::arange(y.numel(), at::kDouble);
  const at::Tensor g = (numbers * 0.7).sin().view(y.sizes()).to(at::kFloat);
  for (const at::Tensor& input : inputs)
    if (input.defined()) input.mutable_grad() = at::Tensor();
  const at::Tensor loss = (y.to(at::kFloat) * g).sum();
  Outcome o;
  o.loss = (y.detach().to(at::kDouble) * g).sum().item<double>();
  o.tensors.push_back(y.detach());
  if (!y.requires_grad()) return o;
  loss.backward();
  for (const at::Tensor& input : inputs)
    if (input.defined() && input.requires_grad()) o.tensors.push_back(input.grad().clone());
  return o;
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor to = b.to(at::kDouble);
  return ((a.to(at::kDouble) - to).norm() / to.norm().clamp_min(1e-30)).item<double>();
}

double distance(const Outcome& a, const Outcome& b) {
  double largest = std::abs(a.loss - b.loss) / std::max(std::abs(b.loss), 1.0);
  for (size_t i = 0; i < a.tensors.size(); ++i) largest = std::max(largest, distance(a.tensors[i], b.tensors.at(i)));
  return largest;
}

bool same_bits(const Outcome& a, const Outcome& b) {
  if (a.tensors.size() != b.tensors.size()) return false;
  for (size_t i = 0; i < a.tensors.size(); ++i)
    if (!at::equal(a.tensors[i], b.tensors[i])) return false;
  return true;
}

Autocast::Autocast() {
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
}

}  // namespace selfsup::fused::testing
