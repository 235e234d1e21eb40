#include "patches.hpp"

#include <cmath>

using namespace ssp;

namespace {

constexpr double kEps = 1e-6;

}  // namespace

Patches::Patches(const ssp_token_info& info)
    : grid_h_(info.grid_h),
      grid_w_(info.grid_w),
      patch_h_(info.patch_h),
      patch_w_(info.patch_w),
      channels_(info.channels) {}

Tensor Patches::split(const Tensor& images) const {
  const int64_t B = images.size(0);
  return images.reshape({B, channels_, grid_h_, patch_h_, grid_w_, patch_w_})
      .permute({0, 2, 4, 3, 5, 1})
      .reshape({B, count(), pixels()});
}

Tensor Patches::join(const Tensor& patches) const {
  const int64_t B = patches.size(0);
  return patches.reshape({B, grid_h_, grid_w_, patch_h_, patch_w_, channels_})
      .permute({0, 5, 1, 3, 2, 4})
      .reshape({B, channels_, grid_h_ * patch_h_, grid_w_ * patch_w_});
}

Tensor Patches::strip(const Tensor& patches) const {
  const int64_t B = patches.size(0), K = patches.size(1);
  // Channel by channel, as images are unless somebody reorders them: a backbone may have kernels for that order alone.
  return patches.reshape({B, K, patch_h_, patch_w_, channels_})
      .permute({0, 4, 2, 1, 3})
      .reshape({B, channels_, patch_h_, K * patch_w_})
      .contiguous();
}

Tensor rows(const Tensor& x, const Tensor& ids) {
  const auto [B, L, D] = x.sizes<3>();
  // Whole rows of one long table: many times faster than a gather along the middle dimension.
  const Tensor first = (arange(B, ids) * L).unsqueeze(1);
  return x.flatten(0, 1).index_select(0, (ids + first).flatten()).reshape({B, ids.size(1), D});
}

PatchStatistics::PatchStatistics(const Tensor& patches) {
  const auto [variance, average] = var_mean(patches, {-1}, 1, true);
  mean = average;
  deviation = (variance + kEps).sqrt();
}

Tensor normed(const Tensor& patches) {
  const int64_t n = patches.size(2);
  const double biased = static_cast<double>(n - 1) / static_cast<double>(n);
  return layer_norm(patches, {n}, full({n}, std::sqrt(biased), patches), {}, biased * kEps);
}
