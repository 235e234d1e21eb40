// One row of the benchmark: sizes of a masked autoencoder and how it is trained, as bench/run passes them in JSON.
#pragma once
#include <cstdint>
#include <string>

#include "base/json.h"

namespace selfsup::bench {

struct Case {
  int64_t image, patch, channels, dim, depth, heads, decoder_dim, decoder_depth, decoder_heads, batch;
  double mask_ratio;
  bool bf16;

  explicit Case(const Json& json);
  Json model() const;  // the node `model` for mae.so, norm_pix on
  int64_t patches() const { return (image / patch) * (image / patch); }
};

}  // namespace selfsup::bench
