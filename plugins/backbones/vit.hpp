// Vision transformer (Dosovitskiy et al. 2020) as an encoder of all patches or of a part of them. Parameters carry
// MMSelfSup's names.
#pragma once
#include "ssp/cpp/adapters.hpp"
#include "ssp/cpp/nn.hpp"
#include "vit_config.hpp"

class Vit {
 public:
  // main_layer: the one that stands for the whole, "cls" or "mean".
  Vit(const ssp::Scope& scope, bool learned_by_default, const char* main_layer);

  // --- ssp.backbone.tokens ---
  void info(int64_t h, int64_t w, ssp_token_info& out) const;
  // Images [B, C, H, W] -> [B, grid, dim].
  ssp::Tensor embed(const ssp::Tensor& images, const ssp::Call& call) const;
  ssp::Positions positions(int64_t h, int64_t w, const ssp::Call& call) const;
  // [B, K, dim] -> [B, 1 + K, dim]; layers: "layers.N", after each block.
  ssp::Tensor encode(const ssp::EncodeInput& in, const ssp::Call& call) const;

  // --- ssp.backbone ---
  // "layers.N" and "tokens" [B, 1 + grid, dim], "map" [B, dim, grid_h, grid_w], "cls" and "mean" [B, dim].
  std::vector<ssp::LayerInfo> layers(int64_t h, int64_t w) const;
  ssp::Outputs forward(const ssp::ForwardInput& in, const ssp::Call& call) const;

  // "timm" and "mmselfsup".
  ssp::NamePairs names(std::string_view format) const;

 private:
  int64_t cells(int64_t pixels, const char* side) const;
  // Calls each(i, x) after block i. The result is that of the last of `depth` blocks, without the final norm.
  template <class Each>
  ssp::Tensor run(const ssp::Tensor& tokens, const ssp::Tensor& bias, const ssp::Call& call, size_t depth,
                  const Each& each) const;

  VitConfig config_;
  ssp::Tensor cls_token_, pos_embed_;  // [1, 1, dim], [1, 1 + grid, dim]
  ssp::nn::Conv2d projection_;
  std::vector<ssp::nn::Block> blocks_;
  std::string main_;
  std::vector<std::string> layer_names_;  // "layers.N"
  std::vector<ssp_str> raw_layer_names_;  // the same, for info
  std::vector<std::string> tensor_names_;
  std::optional<ssp::nn::LayerNorm> norm_;
};

// As MAE judges it, by the mean of its patches.
struct MAEViT : Vit {
  explicit MAEViT(const ssp::Scope& scope) : Vit(scope, false, "mean") {}
  static const char* schema() { return vit_schema(false); }
};

// As contrastive algorithms use it, by its class token.
struct VisionTransformer : Vit {
  explicit VisionTransformer(const ssp::Scope& scope) : Vit(scope, true, "cls") {}
  static const char* schema() { return vit_schema(true); }
};
