// The projection (MMSelfSup's NonLinearNeck): fc0, bn0, then ReLU, fc1, bn1 and so on. Knows no views.
#pragma once
#include <optional>
#include <vector>

#include "ssp/cpp/backbone.hpp"
#include "ssp/cpp/batch_norm.hpp"
#include "ssp/cpp/nn.hpp"

// A backbone's layer as vectors [B, channels]: a map averaged over its places, tokens over the patches.
ssp::Tensor pooled(const ssp::Tensor& layer, const ssp::LayerInfo& info);

class Neck {
 public:
  // Reads the node `neck`; input: the layer that it gets. Error(SSP_E_CONFIG) where the node contradicts it.
  Neck(const ssp::Scope& scope, const ssp::LayerInfo& input);
  // The layer -> [B, out_channels].
  ssp::Tensor operator()(const ssp::Tensor& layer, const ssp::Call& call) const;

 private:
  struct Stage {
    ssp::nn::Linear fc;
    std::optional<ssp::nn::BatchNorm> bn;
  };
  ssp::LayerInfo input_;
  bool pool_;
  std::vector<Stage> stages_;
};
