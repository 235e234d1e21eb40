// A masked autoencoder as it was published, by plain operators in double precision: all patches are embedded, put back
// in their places before the decoder, and predicted; the loss is masked. What the plugin leaves out or reorders shows
// here.
#pragma once
#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

#include "fixture.h"

namespace selfsup::testing {

// An encoder and the sizes of a decoder for it.
struct PlainCase {
  std::string name;
  std::vector<int64_t> image, patch;  // height, width
  double mask_ratio = 0.5;
  int64_t decoder_depth = 1;
  int64_t prefix = -1;  // of a BareTokens; negative: a MAEViT
  int64_t margin = 0;   // of a BareTokens
  bool norm_pix = true;

  Json model() const;
  int64_t patches() const { return image[0] / patch[0] * (image[1] / patch[1]); }
};

class PlainMae {
 public:
  PlainMae(const PlainCase& c, const Model& model);  // copies of the model's values
  struct Result {
    at::Tensor predictions, target, hidden;  // [B, L, pixels], the same, [B, L] with 1 = hidden
    at::Tensor loss() const;
  };
  // noise [B, L]: the patches with the least are visible.
  Result run(const at::Tensor& images, const at::Tensor& noise) const;
  // [B, C, H, W] -> [B, L, pixels].
  at::Tensor patches(const at::Tensor& images) const;
  const std::map<std::string, at::Tensor>& values() const { return values_; }

 private:
  const at::Tensor& value(const std::string& name) const { return values_.at(name); }
  at::Tensor linear(const at::Tensor& x, const std::string& name) const;
  at::Tensor norm(const at::Tensor& x, const std::string& name) const;
  at::Tensor block(const at::Tensor& x, const std::string& name, int64_t heads) const;
  at::Tensor tokens(const at::Tensor& images) const;   // with positions
  at::Tensor encode(const at::Tensor& visible) const;  // with prefix tokens
  at::Tensor normalised(const at::Tensor& patches) const;

  PlainCase case_;
  std::map<std::string, at::Tensor> values_;
};

}  // namespace selfsup::testing
