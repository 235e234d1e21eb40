#include "patches.hpp"

using namespace ssp;

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

Tensor rows(const Tensor& x, const Tensor& ids) {
  return gather(x, 1, ids.unsqueeze(-1).expand({ids.size(0), ids.size(1), x.size(2)}));
}

PatchStatistics::PatchStatistics(const Tensor& patches) {
  const auto [variance, average] = var_mean(patches, {-1}, 1, true);
  mean = average;
  deviation = (variance + 1e-6).sqrt();
}
