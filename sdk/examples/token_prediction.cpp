// SPDX-License-Identifier: Apache-2.0
// Predicts the tokens of hidden patches, BEiT's way (Bao et al. 2022), with a tokenizer of another plugin, of a kind
// that the host has never heard of.
#include <ssp/cpp/plugin.hpp>

#include "tokenizer.h"

using namespace ssp;

namespace {

class TokenPrediction {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "backbone": {"type": "object", "x-ssp-component": "ssp.backbone.tokens/0"},
        "tokenizer": {"type": "object", "x-ssp-component": "example.tokenizer/0"},
        "mask_ratio": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.99, "default": 0.4}
      },
      "required": ["backbone", "tokenizer"]
    })";
  }
  static std::string defaults(const Facts&) {
    return R"({
      "model": {
        "type": "TokenPrediction",
        "tokenizer": {"type": "RandomCodebook"},
        "backbone": {
          "type": "VisionTransformer", "img_size": 16, "patch_size": 4, "drop_path_rate": 0.2,
          "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 32}
        }
      },
      "data_preprocessor": {"mean": [127.5], "std": [127.5]},
      "train_dataloader": {"batch_size": 8, "pipeline": [{"type": "RandomCrop", "size": 16}]},
      "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": 0.002}}
    })";
  }
  explicit TokenPrediction(const Scope& s)
      : mask_ratio_(s.get("mask_ratio", 0.4)),
        encoder_(s.child("backbone")),
        info_(encoder_.info(size(s), size(s))),
        tokenizer_(s.child("tokenizer"), EXAMPLE_KIND_TOKENIZER),
        mask_token_(s.parameter("mask_token", {1, 1, info_.dim}, Init::trunc_normal(0.02), SSP_ROLE_TOKEN)),
        head_(s / "head", info_.out_dim, tokenizer_.table->vocabulary(tokenizer_.self)) {
    // A part of another plugin's network that this algorithm wants at rest (MoCo v3).
    (s / "backbone").mark("patch_embed.projection.weight", SSP_PARAM_FROZEN, SSP_ROLE_EMBED);
  }

  Outputs training_step(const Batch& batch, const Call& call) const {
    const Tensor images = batch.view(0);
    const auto bound = encoder_.at(call, images);
    const Tensor patches = bound.embed(images);
    const auto [B, L, D] = patches.sizes<3>();
    const Tensor hidden = call.per_sample_uniform("mask", L) < mask_ratio_;
    const Tensor shown = where(hidden.unsqueeze(-1), mask_token_.to(patches.dtype()).expand({B, L, D}), patches);
    const auto encoded = bound.encode_layers({"layers.0"}, shown + bound.positions().patch);
    const Tensor logits = head_(encoded.result.slice(1, info_.prefix_tokens));
    AutocastOff fp32(call);
    const Tensor each =
        cross_entropy(logits.to(f32).flatten(0, 1), tokens(images, call).flatten(), {}, Reduction::none);
    const Tensor weight = hidden.flatten().to(f32);
    return {{"loss", (each * weight).sum() / clamp(weight.sum(), 1)},
            {"first_block", encoded.layers[0].detach().to(f32).abs().mean(), SSP_EMIT_METRIC}};
  }

  Outputs features(const Tensor& images, const Call& call, const Names& names) const {
    const auto bound = encoder_.at(call, images);
    const Tensor latent = bound.encode(bound.embed(images) + bound.positions().patch);
    return {{names.among({"mean"}).front(), latent.to(f32).slice(1, info_.prefix_tokens).mean(1)}};
  }

 private:
  static int64_t size(const Scope& s) { return s.fact("image_size").value_or(16); }
  Tensor tokens(const Tensor& images, const Call& call) const {
    ssp_tensor out{0};
    check(tokenizer_.table->tokens(tokenizer_.self, call.raw(), images.handle(), info_.patch_h, &out));
    return Tensor(out);
  }

  double mask_ratio_;
  TokensBackbone encoder_;
  ssp_token_info info_;
  Requested<example_tokenizer> tokenizer_;
  Tensor mask_token_;
  nn::Linear head_;
};

}  // namespace

SSP_PLUGIN(algorithm<TokenPrediction>("TokenPrediction"));
