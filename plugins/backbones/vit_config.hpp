// Sizes of a vision transformer: from its configuration, checked. Knows no tensors.
#pragma once
#include "ssp/cpp/scope.hpp"

struct VitConfig {
  int64_t height, width, patch, channels;  // of images, and the side of a patch, in pixels
  int64_t dim, depth, heads, hidden;
  double eps, drop_path_rate;
  bool qkv_bias, final_norm, row_first;
  bool learned_positions;

  // Error(SSP_E_CONFIG) that names the keys, where sizes do not fit each other.
  VitConfig(const ssp::Scope& scope, bool learned_by_default);
  int64_t grid_h() const { return height / patch; }
  int64_t grid_w() const { return width / patch; }
  int64_t cells() const { return grid_h() * grid_w(); }
};

// JSON text; the two types differ in the default of `pos_embed` only.
const char* vit_schema(bool learned_by_default);
