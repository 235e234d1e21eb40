#include "native_mae.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include "ssp/sink.h"

namespace selfsup::bench {
namespace {

constexpr double kEps = 1e-6;

// [B, K] -> [B, K, D]
at::Tensor rows_index(const at::Tensor& ids, int64_t D) {
  return ids.unsqueeze(-1).expand({ids.size(0), ids.size(1), D});
}

class AutocastOff {
 public:
  AutocastOff() : before_(at::autocast::is_autocast_enabled(at::kCPU)) {
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
  ~AutocastOff() { at::autocast::set_autocast_enabled(at::kCPU, before_); }
  AutocastOff(const AutocastOff&) = delete;
  AutocastOff& operator=(const AutocastOff&) = delete;

 private:
  bool before_;
};

}  // namespace

at::Tensor NativeMae::Linear::operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }

at::Tensor NativeMae::Norm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, {weight.size(0)}, weight, bias, kEps);
}

at::Tensor NativeMae::Block::operator()(const at::Tensor& x) const {
  const int64_t B = x.size(0), N = x.size(1), D = x.size(2);
  const auto parts = qkv(ln1(x)).reshape({B, N, 3, heads, D / heads}).permute({2, 0, 3, 1, 4}).unbind(0);
  const at::Tensor mixed = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
  const at::Tensor y = x + proj(mixed.transpose(1, 2).reshape({B, N, D}));
  return y + down(at::gelu(up(ln2(y))));
}

NativeMae::NativeMae(const Case& c, model::ParameterStore& store)
    : patch_(c.sizes.get("patch").as_int()),
      side_(c.image / patch_),
      channels_(c.channels),
      decoder_dim_(c.sizes.get("decoder_dim").as_int()),
      mask_ratio_(c.sizes.get("mask_ratio").as_double()),
      store_(store),
      projection_weight_(get("backbone.patch_embed.projection.weight")),
      projection_bias_(get("backbone.patch_embed.projection.bias")),
      cls_token_(get("backbone.cls_token")),
      pos_embed_(get("backbone.pos_embed")),
      mask_token_(get("neck.mask_token")),
      decoder_pos_embed_(get("neck.decoder_pos_embed")),
      encoder_norm_(norm("backbone.ln1")),
      decoder_norm_(norm("neck.ln1")),
      embed_(linear("neck.decoder_embed")),
      predict_(linear("neck.decoder_pred")) {
  const int64_t depth = c.sizes.get("depth").as_int(), heads = c.sizes.get("heads").as_int();
  for (int64_t i = 0; i < depth; ++i) encoder_.push_back(block("backbone.layers." + std::to_string(i), heads));
  const int64_t decoder_depth = c.sizes.get("decoder_depth").as_int();
  const int64_t decoder_heads = c.sizes.get("decoder_heads").as_int();
  for (int64_t i = 0; i < decoder_depth; ++i)
    decoder_.push_back(block("neck.decoder_blocks." + std::to_string(i), decoder_heads));
}

at::Tensor NativeMae::get(const std::string& name) const {
  const model::Entry* entry = store_.find(name);
  if (!entry) throw std::runtime_error("mae.so declares no " + name);
  return entry->tensor;
}

NativeMae::Linear NativeMae::linear(const std::string& name) const {
  return {get(name + ".weight"), get(name + ".bias")};
}

NativeMae::Norm NativeMae::norm(const std::string& name) const { return {get(name + ".weight"), get(name + ".bias")}; }

NativeMae::Block NativeMae::block(const std::string& name, int64_t heads) const {
  return {norm(name + ".ln1"),
          linear(name + ".attn.qkv"),
          linear(name + ".attn.proj"),
          norm(name + ".ln2"),
          linear(name + ".ffn.layers.0.0"),
          linear(name + ".ffn.layers.1"),
          heads};
}

std::vector<bridge::NamedTensor> NativeMae::training_step(const bridge::Step&, const bridge::StepBatch& batch) {
  const at::Tensor& images = batch.views.at(0);
  const int64_t p = patch_, side = side_, channels = channels_;
  at::Tensor x =
      at::conv2d(images, projection_weight_, projection_bias_, p).flatten(2).transpose(1, 2) + pos_embed_.slice(1, 1);
  const int64_t B = x.size(0), L = x.size(1), dim = x.size(2);
  const auto keep = static_cast<int64_t>(static_cast<double>(L) * (1 - mask_ratio_));
  const at::Tensor ids_shuffle = (noise ? noise(B, L) : at::rand({B, L})).argsort();
  const at::Tensor ids_restore = ids_shuffle.argsort();
  const at::Tensor mask = (ids_restore >= keep).to(at::kFloat);
  x = at::gather(x, 1, rows_index(ids_shuffle.slice(1, 0, keep), dim));
  x = at::cat({(cls_token_ + pos_embed_.slice(1, 0, 1)).expand({B, 1, dim}), x}, 1);
  for (const Block& b : encoder_) x = b(x);
  x = embed_(encoder_norm_(x));
  const at::Tensor fill = mask_token_.to(x.scalar_type()).expand({B, L - keep, decoder_dim_});
  const at::Tensor ordered = at::gather(at::cat({x.slice(1, 1), fill}, 1), 1, rows_index(ids_restore, x.size(2)));
  x = at::cat({x.slice(1, 0, 1), ordered}, 1) + decoder_pos_embed_;
  for (const Block& b : decoder_) x = b(x);
  const at::Tensor pred = predict_(decoder_norm_(x)).slice(1, 1);

  const AutocastOff fp32;
  const at::Tensor target =
      images.reshape({B, channels, side, p, side, p}).permute({0, 2, 4, 3, 5, 1}).reshape({B, L, p * p * channels});
  const auto [variance, mean] = at::var_mean(target, at::OptionalIntArrayRef({-1}), at::Scalar(1), true);
  const at::Tensor error = pred.to(at::kFloat) - (target - mean) / (variance + kEps).sqrt();
  return {{"loss", (error.pow(2).mean(-1) * mask).sum() / mask.sum(), SSP_EMIT_LOSS}};
}

}  // namespace selfsup::bench
