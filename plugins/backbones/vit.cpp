#include "vit.hpp"

#include "vit_names.hpp"

using namespace ssp;

namespace {

// [1, 1 + grid, dim]: a zero row for the class token, then the table.
Tensor declare_positions(const Scope& s, const VitConfig& c) {
  const std::vector<int64_t> sizes = {1, 1 + c.cells(), c.dim};
  if (c.learned_positions) return s.parameter("pos_embed", sizes, Init::trunc_normal(0.02), SSP_ROLE_EMBED);
  std::vector<float> table = nn::sincos_2d(c.dim, c.grid_h(), c.grid_w(), c.row_first);
  table.insert(table.begin(), static_cast<size_t>(c.dim), 0.0f);
  return s.frozen("pos_embed", sizes, Init::data(std::move(table)), SSP_ROLE_EMBED);
}

// torch's default for the bias; the weight as MMSelfSup: Xavier-uniform over [out, in * patch * patch].
nn::Conv2d declare_projection(const Scope& s, const VitConfig& c) {
  const Init weight = Init::xavier_uniform().fans(c.channels * c.patch * c.patch, c.dim);
  return nn::Conv2d(s / "patch_embed" / "projection", c.channels, c.dim, c.patch, c.patch, 0, true, weight);
}

}  // namespace

Vit::Vit(const Scope& scope, bool learned_by_default, const char* main_layer)
    : config_(scope, learned_by_default),
      cls_token_(scope.depth(0).parameter("cls_token", {1, 1, config_.dim}, Init::normal(0, 0.02), SSP_ROLE_TOKEN)),
      pos_embed_(declare_positions(scope.depth(0), config_)),
      projection_(declare_projection(scope.depth(0), config_)),
      main_(main_layer) {
  const VitConfig& c = config_;
  for (int64_t i = 0; i < c.depth; ++i) {
    layer_names_.push_back("layers." + std::to_string(i));
    const double rate = c.depth > 1 ? c.drop_path_rate * static_cast<double>(i) / static_cast<double>(c.depth - 1) : 0;
    const Scope s = (scope / "layers" / i).depth(static_cast<int32_t>(i + 1));
    blocks_.emplace_back(s, c.dim, c.heads, c.hidden, c.eps, c.qkv_bias, rate);
  }
  if (c.final_norm) norm_.emplace(scope.depth(static_cast<int32_t>(c.depth + 1)) / "ln1", c.dim, c.eps);
  for (const std::string& name : layer_names_) raw_layer_names_.push_back(to_str(name));
  for (const NamedParameter& p : scope.list("", SSP_PARAM | SSP_PARAM_FROZEN)) tensor_names_.push_back(p.name);
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
  out.layers = raw_layer_names_.data();
  out.n_layers = static_cast<uint32_t>(raw_layer_names_.size());
  out.flags = SSP_TOKENS_PATCHWISE;
}

Tensor Vit::embed(const Tensor& images, const Call&) const {
  const auto [B, C, H, W] = images.sizes<4>();
  if (C != config_.channels)
    throw Error(SSP_E_CONFIG,
                "`in_channels` is " + std::to_string(config_.channels) + ", the images have " + std::to_string(C));
  // The convolution, whose windows do not overlap, as one product. Pixels are taken channel last, since so they lie in
  // memory by default, and the weight's too.
  const int64_t p = config_.patch, grid_h = cells(H, "height"), grid_w = cells(W, "width");
  const Tensor patches = images.reshape({B, C, grid_h, p, grid_w, p}).permute({0, 2, 4, 3, 5, 1});
  const Tensor weight = projection_.weight.permute({0, 2, 3, 1}).flatten(1);
  return linear(patches.reshape({B, grid_h * grid_w, p * p * C}), weight, projection_.bias);
}

Positions Vit::positions(int64_t h, int64_t w, const Call&) const {
  const int64_t grid_h = cells(h, "height"), grid_w = cells(w, "width");
  const Tensor prefix = pos_embed_.slice(1, 0, 1), patch = pos_embed_.slice(1, 1);
  if (grid_h == config_.grid_h() && grid_w == config_.grid_w()) return {patch, prefix};
  // Another image size: the table as an image, resampled.
  const Tensor image = patch.reshape({1, config_.grid_h(), config_.grid_w(), config_.dim}).permute({0, 3, 1, 2});
  return {upsample_bicubic2d(image, {grid_h, grid_w}).flatten(2).transpose(1, 2), prefix};
}

template <class Each>
Tensor Vit::run(const Tensor& tokens, const Tensor& bias, const Call& call, size_t depth, const Each& each) const {
  const int64_t B = tokens.size(0);
  const Tensor cls = (cls_token_ + pos_embed_.slice(1, 0, 1)).expand({B, 1, config_.dim});
  Tensor x = cat({cls, tokens}, 1);
  for (size_t i = 0; i < depth; ++i) {
    x = blocks_[i](std::move(x), call, bias);
    each(i, x);
  }
  return x;
}

Tensor Vit::encode(const EncodeInput& in, const Call& call) const {
  const Tensor x = run(in.tokens, in.bias, call, blocks_.size(),
                       [&](size_t i, const Tensor& after) { in.emit(layer_names_[i], after); });
  return norm_ ? (*norm_)(x) : x;
}

std::vector<LayerInfo> Vit::layers(int64_t h, int64_t w) const {
  const int64_t grid_h = cells(h, "height"), grid_w = cells(w, "width"), dim = config_.dim;
  std::vector<LayerInfo> all;
  for (const std::string& name : layer_names_) all.push_back({name, SSP_SHAPE_TOKENS, dim, grid_h, grid_w, 1});
  all.push_back({"tokens", SSP_SHAPE_TOKENS, dim, grid_h, grid_w, 1});
  all.push_back({"map", SSP_SHAPE_MAP, dim, grid_h, grid_w, 0});
  for (const char* name : {"cls", "mean"}) all.push_back({name, SSP_SHAPE_VECTOR, dim, 0, 0, 0, main_ == name});
  return all;
}

Outputs Vit::forward(const ForwardInput& in, const Call& call) const {
  const Tensor& images = in.images;
  const int64_t B = images.size(0), h = images.size(2), w = images.size(3);
  const bool whole = in.wants("tokens") || in.wants("map") || in.wants("cls") || in.wants("mean");
  size_t depth = 0;  // blocks that somebody needs
  for (size_t i = 0; i < blocks_.size(); ++i)
    if (whole || in.wants(layer_names_[i])) depth = i + 1;
  Outputs out;
  Tensor tokens =
      run(embed(images, call) + positions(h, w, call).patch, {}, call, depth, [&](size_t i, const Tensor& x) {
        if (in.wants(layer_names_[i])) out.push_back({layer_names_[i], x});
      });
  if (!whole) return out;
  if (norm_) tokens = (*norm_)(tokens);
  const Tensor patches = tokens.slice(1, 1);
  if (in.wants("tokens")) out.push_back({"tokens", tokens});
  if (in.wants("map")) {
    const Tensor map = patches.transpose(1, 2);
    out.push_back({"map", map.reshape({B, config_.dim, h / config_.patch, w / config_.patch})});
  }
  if (in.wants("cls")) out.push_back({"cls", tokens.select(1, 0)});
  if (in.wants("mean")) out.push_back({"mean", patches.mean(1)});
  return out;
}

NamePairs Vit::names(std::string_view format) const {
  NamePairs pairs;
  for (const std::string& own : tensor_names_) {
    if (format == "mmselfsup") pairs.emplace_back(own, own);
    if (format == "timm") pairs.emplace_back(own, timm_name(own));
  }
  return pairs;
}
