// The light decoder: fills hidden patches with one trained token, adds positions, predicts pixels. It works on the
// patches in the order in which they were shuffled, the visible ones first: without positions attention knows no order,
// so only these are brought into it.
#pragma once
#include "patches.hpp"
#include "ssp/cpp/nn.hpp"

class Decoder {
 public:
  // Reads the node `neck`. Error(SSP_E_CONFIG) where it contradicts the backbone.
  Decoder(const ssp::Scope& scope, const ssp_token_info& encoder, const Patches& patches);
  // latent [B, prefix + keep, D], order i64 [B, L], which begins with the patches of latent -> pixels of the patches of
  // order from `first` on, [B, L - first, patch pixels]. Of those before it nothing is computed that these do not need.
  ssp::Tensor operator()(const ssp::Tensor& latent, const ssp::Tensor& order, int64_t first,
                         const ssp::Call& call) const;

 private:
  ssp::Tensor positions(const ssp::Tensor& order) const;  // [B, prefix + L, dim]

  int64_t dim_, patches_, prefix_;
  ssp::Tensor mask_token_, positions_;
  ssp::nn::Linear embed_;
  std::vector<ssp::nn::Block> blocks_;
  std::optional<ssp::nn::LayerNorm> norm_;
  std::optional<ssp::nn::Linear> pred_;
};
