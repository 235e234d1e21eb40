// Images as rows of patches and back, and how many patches stay visible. A patch is row, column, channel, the channel
// fastest; patches go row by row.
#pragma once
#include "ssp/cpp/backbone.hpp"
#include "ssp/cpp/ops.hpp"

class Patches {
 public:
  explicit Patches(const ssp_token_info& info);
  int64_t count() const { return grid_h_ * grid_w_; }
  int64_t channels() const { return channels_; }
  int64_t pixels() const { return patch_h_ * patch_w_ * channels_; }  // numbers in a patch
  ssp::Tensor split(const ssp::Tensor& images) const;                 // [B, C, H, W] -> [B, count, pixels]
  ssp::Tensor join(const ssp::Tensor& patches) const;                 // the way back
  // [B, K, pixels] -> [B, C, patch height, K * patch width]: K patches side by side, as an image of their own.
  ssp::Tensor strip(const ssp::Tensor& patches) const;

 private:
  int64_t grid_h_, grid_w_, patch_h_, patch_w_, channels_;
};

// Rows of x [B, L, D] by ids i64 [B, K]: [B, K, D].
ssp::Tensor rows(const ssp::Tensor& x, const ssp::Tensor& ids);

// Of L patches: int(L * (1 - ratio)) in double precision, truncated, as in the original.
inline int64_t visible_patches(int64_t L, double mask_ratio) {
  return static_cast<int64_t>(static_cast<double>(L) * (1 - mask_ratio));
}

// Mean and deviation of each patch, [B, L, 1]: sqrt(unbiased variance + 1e-6).
struct PatchStatistics {
  ssp::Tensor mean, deviation;
  explicit PatchStatistics(const ssp::Tensor& patches);
};

// Patches less their mean, over their deviation, in one pass: the layer norm's variance is the biased one, (n - 1) / n
// of the unbiased one.
ssp::Tensor normed(const ssp::Tensor& patches);
