#include "plain_mae.h"

namespace selfsup::testing {
namespace {

constexpr int64_t kHeads = 4, kDecoderHeads = 2, kDepth = 2;

Json pair(const std::vector<int64_t>& values) { return Json::Array{Json(values[0]), Json(values[1])}; }

at::Tensor rows_index(const at::Tensor& ids, int64_t width) {
  return ids.unsqueeze(-1).expand({ids.size(0), ids.size(1), width});
}

}  // namespace

Json PlainCase::model() const {
  Json model = mae_config({image[0], patch[0], 3, 16, kDepth, kHeads, 8, decoder_depth, kDecoderHeads}, norm_pix);
  Json& backbone = *model.find("backbone");
  if (prefix >= 0) {
    backbone = Json::object();
    backbone.set("type", "BareTokens");
    backbone.set("patch", pair(patch));
    backbone.set("prefix", prefix);
    backbone.set("margin", margin);
    registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_bare_tokens.so");
  }
  backbone.set("img_size", pair(image));
  backbone.set("mask_ratio", mask_ratio);
  return model;
}

PlainMae::PlainMae(const PlainCase& c, const Model& model) : case_(c) {
  for (const model::Entry& e : model.store.entries())
    values_[e.name] = e.tensor.detach().to(at::kDouble).set_requires_grad(e.kind == model::Kind::parameter);
}

at::Tensor PlainMae::Result::loss() const {
  return ((predictions - target).pow(2).mean(-1) * hidden).sum() / hidden.sum();
}

at::Tensor PlainMae::linear(const at::Tensor& x, const std::string& name) const {
  return at::linear(x, value(name + ".weight"), value(name + ".bias"));
}

at::Tensor PlainMae::norm(const at::Tensor& x, const std::string& name) const {
  return at::layer_norm(x, {x.size(-1)}, value(name + ".weight"), value(name + ".bias"), 1e-6);
}

at::Tensor PlainMae::block(const at::Tensor& x, const std::string& name, int64_t heads) const {
  const int64_t B = x.size(0), L = x.size(1), D = x.size(2), width = D / heads;
  const at::Tensor qkv = linear(norm(x, name + ".ln1"), name + ".attn.qkv").view({B, L, 3, heads, width});
  const at::Tensor parts = qkv.permute({2, 0, 3, 1, 4});
  const at::Tensor logits = at::matmul(parts[0], parts[1].transpose(-1, -2)) / std::sqrt(static_cast<double>(width));
  const at::Tensor seen = at::matmul(logits.softmax(-1), parts[2]).transpose(1, 2).reshape({B, L, D});
  const at::Tensor y = x + linear(seen, name + ".attn.proj");
  const at::Tensor hidden = at::gelu(linear(norm(y, name + ".ln2"), name + ".ffn.layers.0.0"));
  return y + linear(hidden, name + ".ffn.layers.1");
}

at::Tensor PlainMae::tokens(const at::Tensor& images) const {
  const bool bare = case_.prefix >= 0;
  const std::string name = bare ? "backbone.embed" : "backbone.patch_embed.projection";
  const at::Tensor map = at::conv2d(images, value(name + ".weight"), value(name + ".bias"), case_.patch,
                                    std::vector<int64_t>(2, case_.margin));
  return map.flatten(2).transpose(1, 2) +
         (bare ? value("backbone.positions") : value("backbone.pos_embed").slice(1, 1));
}

at::Tensor PlainMae::encode(const at::Tensor& visible) const {
  const auto with = [&](const at::Tensor& prefix) {
    return at::cat({prefix.expand({visible.size(0), prefix.size(1), prefix.size(2)}), visible}, 1);
  };
  if (case_.prefix >= 0)
    return block(case_.prefix > 0 ? with(value("backbone.prefix")) : visible, "backbone.block", kHeads);
  at::Tensor x = with(value("backbone.cls_token") + value("backbone.pos_embed").slice(1, 0, 1));
  for (int64_t i = 0; i < kDepth; ++i) x = block(x, "backbone.layers." + std::to_string(i), kHeads);
  return norm(x, "backbone.ln1");
}

at::Tensor PlainMae::patches(const at::Tensor& images) const {
  const at::Tensor x = images.unfold(2, case_.patch[0], case_.patch[0]).unfold(3, case_.patch[1], case_.patch[1]);
  return x.permute({0, 2, 3, 4, 5, 1}).flatten(3).flatten(1, 2);
}

at::Tensor PlainMae::normalised(const at::Tensor& patches) const {
  if (!case_.norm_pix) return patches;
  return (patches - patches.mean(-1, true)) / (patches.var(-1, true, true) + 1e-6).sqrt();
}

PlainMae::Result PlainMae::run(const at::Tensor& images, const at::Tensor& noise) const {
  const at::Tensor pixels = images.to(at::kDouble), all = tokens(pixels);
  const int64_t B = all.size(0), L = all.size(1);
  const auto keep = static_cast<int64_t>(static_cast<double>(L) * (1 - case_.mask_ratio));
  const at::Tensor order = at::argsort(noise, true, 1), place = at::argsort(order, true, 1);
  const at::Tensor latent = encode(at::gather(all, 1, rows_index(order.slice(1, 0, keep), all.size(2))));
  const at::Tensor known = linear(latent, "neck.decoder_embed");
  const int64_t prefix = latent.size(1) - keep, width = known.size(2);
  const at::Tensor fill = value("neck.mask_token").expand({B, L - keep, width});
  const at::Tensor placed = at::gather(at::cat({known.slice(1, prefix), fill}, 1), 1, rows_index(place, width));
  at::Tensor x = at::cat({known.slice(1, 0, prefix), placed}, 1) + value("neck.decoder_pos_embed");
  for (int64_t i = 0; i < case_.decoder_depth; ++i)
    x = block(x, "neck.decoder_blocks." + std::to_string(i), kDecoderHeads);
  const at::Tensor predictions = linear(norm(x, "neck.ln1"), "neck.decoder_pred").slice(1, prefix);
  return {predictions, normalised(patches(pixels)), (place >= keep).to(at::kDouble)};
}

}  // namespace selfsup::testing
