#include "neck.hpp"

using namespace ssp;

namespace {

int64_t vector_width(const LayerInfo& layer, bool pool) {
  if (pool || layer.shape == SSP_SHAPE_VECTOR) return layer.channels;
  const int64_t places = layer.height * layer.width;
  return layer.channels * (layer.shape == SSP_SHAPE_TOKENS ? layer.prefix + places : places);
}

nn::BatchNorm batch_norm(const Scope& node, const Scope& at, int64_t channels, bool affine) {
  // SyncBN is over all ranks; BN as the run's configuration says.
  const bool synchronised = node.get("norm_cfg.type", "SyncBN") == "SyncBN";
  return nn::BatchNorm(at, channels, affine, synchronised ? nn::Sync::ranks : nn::Sync::as_run,
                       node.get("norm_cfg.momentum", 0.1), node.get("norm_cfg.eps", 1e-5));
}

}  // namespace

Tensor pooled(const Tensor& layer, const LayerInfo& info) {
  if (info.shape == SSP_SHAPE_MAP) return layer.mean({2, 3});
  if (info.shape == SSP_SHAPE_TOKENS) return layer.slice(1, info.prefix).mean({1});
  return layer;
}

Neck::Neck(const Scope& scope, const LayerInfo& input) : input_(input) {
  const Scope s = scope.at("neck");
  pool_ = s.get("with_avg_pool", true);
  const int64_t in = vector_width(input, pool_), stated = s.get("in_channels", in);
  require(stated == in, "`neck.in_channels` is " + std::to_string(stated) + ", but the backbone's \"" + input.name +
                            "\" has " + std::to_string(in) + " channels" +
                            (pool_ ? "" : " without pooling (`neck.with_avg_pool`)") +
                            "; make them equal or leave the key out");
  const int64_t layers = s.get("num_layers", 2), hidden = s.get("hid_channels", in), out = s.get("out_channels", 128);
  require(layers > 1 || hidden == out, "`neck.num_layers` is 1: its one layer has `hid_channels` (" +
                                           std::to_string(hidden) + ") outputs, so `out_channels` (" +
                                           std::to_string(out) + ") must be the same");
  for (int64_t i = 0; i < layers; ++i) {
    const bool last = i > 0 && i + 1 == layers;  // a single layer is MMSelfSup's fc0 and bn0, which are never the last
    const std::string number = std::to_string(i);
    Stage stage{nn::Linear(s / ("fc" + number), i == 0 ? in : hidden, last ? out : hidden,
                           last ? s.get("with_last_bias", false) : s.get("with_bias", false)),
                std::nullopt};
    if (!last || s.get("with_last_bn", true))
      stage.bn = batch_norm(s, s / ("bn" + number), last ? out : hidden, !last || s.get("with_last_bn_affine", true));
    stages_.push_back(std::move(stage));
  }
}

Tensor Neck::operator()(const Tensor& layer, const Call& call) const {
  Tensor x = pool_ ? pooled(layer, input_) : layer.flatten(1);
  for (size_t i = 0; i < stages_.size(); ++i) {
    if (i > 0) x = x.relu();
    x = stages_[i].fc(x);
    if (stages_[i].bn) x = (*stages_[i].bn)(x, call);
  }
  return x;
}
