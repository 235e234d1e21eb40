#include "vit.hpp"

using namespace ssp;

namespace {

// [1, 1 + grid, dim]: a zero row for the class token, then the table.
Tensor declare_positions(const Scope& s, const VitConfig& c) {
  const std::vector<int64_t> sizes = {1, 1 + c.grid() * c.grid(), c.dim};
  if (c.learned_positions) return s.parameter("pos_embed", sizes, Init::trunc_normal(0.02), SSP_ROLE_EMBED);
  std::vector<float> table = nn::sincos_2d(c.dim, c.grid(), c.grid(), c.row_first);
  table.insert(table.begin(), static_cast<size_t>(c.dim), 0.0f);
  return s.frozen("pos_embed", sizes, Init::data(std::move(table)), SSP_ROLE_EMBED);
}

// torch's default for the bias; the weight as MMSelfSup: Xavier-uniform over [out, in * patch * patch].
nn::Conv2d declare_projection(const Scope& s, const VitConfig& c) {
  const Init weight = Init::xavier_uniform().fans(c.channels * c.patch * c.patch, c.dim);
  return nn::Conv2d(s / "patch_embed" / "projection", c.channels, c.dim, c.patch, c.patch, 0, true, weight);
}

}  // namespace

Vit::Vit(const Scope& scope, bool learned_by_default)
    : config_(scope, learned_by_default),
      cls_token_(scope.depth(0).parameter("cls_token", {1, 1, config_.dim}, Init::normal(0, 0.02), SSP_ROLE_TOKEN)),
      pos_embed_(declare_positions(scope.depth(0), config_)),
      projection_(declare_projection(scope.depth(0), config_)) {
  const VitConfig& c = config_;
  for (int64_t i = 0; i < c.depth; ++i) {
    names_.push_back("layers." + std::to_string(i));
    const double rate = c.depth > 1 ? c.drop_path_rate * static_cast<double>(i) / static_cast<double>(c.depth - 1) : 0;
    const Scope s = (scope / "layers" / i).depth(static_cast<int32_t>(i + 1));
    blocks_.emplace_back(s, c.dim, c.heads, c.hidden, c.eps, c.qkv_bias, rate, names_.back());
  }
  if (c.final_norm) norm_.emplace(scope.depth(static_cast<int32_t>(c.depth + 1)) / "ln1", c.dim, c.eps);
}

int64_t Vit::cells(int64_t pixels, const char* side) const {
  if (pixels < 1 || pixels % config_.patch != 0)
    throw Error(SSP_E_ARGUMENT, std::string("image ") + side + " " + std::to_string(pixels) +
                                    " is no multiple of patch_size " + std::to_string(config_.patch));
  return pixels / config_.patch;
}

void Vit::info(int64_t h, int64_t w, ssp_token_info& out) const {
  out.prefix_tokens = 1;
  out.dim = out.out_dim = config_.dim;
  out.grid_h = out.out_grid_h = cells(h, "height");
  out.grid_w = out.out_grid_w = cells(w, "width");
  out.patch_h = out.patch_w = config_.patch;
  out.channels = config_.channels;
}

Tensor Vit::embed(const Tensor& images, const Call&) const {
  const auto [B, C, H, W] = images.sizes<4>();
  if (C != config_.channels)
    throw Error(SSP_E_CONFIG,
                "`in_channels` is " + std::to_string(config_.channels) + ", the images have " + std::to_string(C));
  cells(H, "height");
  cells(W, "width");
  return projection_(images).flatten(2).transpose(1, 2);
}

Positions Vit::positions(int64_t h, int64_t w, const Call&) const {
  const int64_t grid_h = cells(h, "height"), grid_w = cells(w, "width");
  const Tensor prefix = pos_embed_.slice(1, 0, 1), patch = pos_embed_.slice(1, 1);
  if (grid_h == config_.grid() && grid_w == config_.grid()) return {patch, prefix};
  // Another image size: the table as an image, resampled.
  const Tensor image = patch.reshape({1, config_.grid(), config_.grid(), config_.dim}).permute({0, 3, 1, 2});
  return {upsample_bicubic2d(image, {grid_h, grid_w}).flatten(2).transpose(1, 2), prefix};
}

Tensor Vit::run(const Tensor& tokens, const Tensor& bias, const Call& call, std::vector<Tensor>* each) const {
  const int64_t B = tokens.size(0);
  const Tensor cls = (cls_token_ + pos_embed_.slice(1, 0, 1)).expand({B, 1, config_.dim});
  Tensor x = cat({cls, tokens}, 1);
  for (const nn::Block& block : blocks_) {
    x = block(std::move(x), call, bias);
    if (each) each->push_back(x);
  }
  return norm_ ? (*norm_)(x) : x;
}

Tensor Vit::encode(const EncodeInput& in, const Call& call) const {
  if (!in.sink) return run(in.tokens, in.bias, call, nullptr);
  std::vector<Tensor> each;
  Tensor out = run(in.tokens, in.bias, call, &each);
  for (size_t i = 0; i < each.size(); ++i) in.emit(names_[i], each[i]);
  return out;
}

std::vector<LayerInfo> Vit::layers(int64_t h, int64_t w) const {
  const int64_t grid_h = cells(h, "height"), grid_w = cells(w, "width"), dim = config_.dim;
  std::vector<LayerInfo> all;
  for (const std::string& name : names_) all.push_back({name, SSP_SHAPE_TOKENS, dim, grid_h, grid_w, 1});
  all.push_back({"tokens", SSP_SHAPE_TOKENS, dim, grid_h, grid_w, 1});
  all.push_back({"map", SSP_SHAPE_MAP, dim, grid_h, grid_w, 0});
  all.push_back({"cls", SSP_SHAPE_VECTOR, dim});
  return all;
}

Outputs Vit::forward(const Tensor& images, const Call& call) const {
  const int64_t B = images.size(0), h = images.size(2), w = images.size(3);
  std::vector<Tensor> each;
  const Tensor tokens = run(embed(images, call) + positions(h, w, call).patch, {}, call, &each);
  Outputs out;
  for (size_t i = 0; i < each.size(); ++i) out.push_back({names_[i], each[i]});
  out.push_back({"tokens", tokens});
  const Tensor map = tokens.slice(1, 1).transpose(1, 2);
  out.push_back({"map", map.reshape({B, config_.dim, h / config_.patch, w / config_.patch})});
  out.push_back({"cls", tokens.select(1, 0)});
  return out;
}
