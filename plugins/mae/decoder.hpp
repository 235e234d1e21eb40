// The light decoder: fills hidden patches with one trained token, adds positions, predicts the pixels of every patch.
#pragma once
#include "patches.hpp"
#include "ssp/cpp/nn.hpp"

class Decoder {
 public:
  // Reads the node `neck`. Error(SSP_E_CONFIG) where it contradicts the backbone.
  Decoder(const ssp::Scope& scope, const ssp_token_info& encoder, const Patches& patches);
  // latent [B, prefix + keep, D], ids_restore i64 [B, L] -> pixels [B, L, patch pixels].
  ssp::Tensor operator()(const ssp::Tensor& latent, const ssp::Tensor& ids_restore, const ssp::Call& call) const;

 private:
  int64_t dim_, patches_, prefix_;
  ssp::Tensor mask_token_, positions_;
  ssp::nn::Linear embed_;
  std::vector<ssp::nn::Block> blocks_;
  std::optional<ssp::nn::LayerNorm> norm_;
  std::optional<ssp::nn::Linear> pred_;
};
