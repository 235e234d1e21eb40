// SimCLR (Chen et al. 2020): two views of an image are to be nearer to one another than to those of all other images.
#pragma once
#include "head.hpp"
#include "neck.hpp"
#include "ssp/cpp/backbone.hpp"
#include "ssp/cpp/batch.hpp"

class SimClr {
 public:
  static constexpr uint32_t caps = SSP_CAP_CAPTURABLE;
  static const char* schema();
  static std::string defaults(const ssp::Facts& facts);

  // Error(SSP_E_CONFIG) for views that do not fit, and for batches in which no image has another one to differ from.
  explicit SimClr(const ssp::Scope& scope);
  // "loss", and the metric "top1": the share of views whose nearest one is their twin.
  ssp::Outputs training_step(const ssp::Batch& batch, const ssp::Call& call) const;
  // "backbone" [B, channels]: its main layer, a map averaged over its places, tokens over the patches. "neck" [B, out].
  ssp::Outputs features(const ssp::Tensor& images, const ssp::Call& call, const ssp::Names& layers) const;
  // "mmselfsup": all of them, the backbone's too.
  ssp::NamePairs names(std::string_view format) const;

 private:
  ssp::Backbone backbone_;
  ssp::LayerInfo main_;  // for images of the size that training sees
  Neck neck_;
  Head head_;
  std::vector<std::string> tensor_names_;
};
