// SPDX-License-Identifier: Apache-2.0
// Parts of run-level defaults that fit most algorithms: what MMSelfSup's configurations have in common.
#pragma once
#include <cmath>
#include <cstdint>

#include "ssp/cpp/json.hpp"

namespace ssp {
inline namespace v0 {
namespace recipe {

// A linear warm-up over that share of the run, then a cosine to 0; length and steps are epochs, converted to
// iterations, or iterations. A line needs two points, and an epoch may have one iteration, which defaults cannot know:
// so the warm-up has two steps or more. Where those would be over a quarter of a run of whole epochs, or where the
// share of a run of iterations is less, there is none.
inline json::Value warm_up_and_cosine(int64_t length, double warm_up_share, bool by_epoch) {
  int64_t warm_up = std::llround(warm_up_share * static_cast<double>(length));
  if (warm_up < 2) warm_up = by_epoch && length >= 8 ? 2 : 0;
  const json::Value cosine = json::object({{"type", "CosineAnnealingLR"},
                                           {"T_max", length - warm_up},
                                           {"by_epoch", by_epoch},
                                           {"begin", warm_up},
                                           {"end", length},
                                           {"convert_to_iter_based", by_epoch}});
  if (warm_up == 0) return json::array({cosine});
  const json::Value linear = json::object({{"type", "LinearLR"},
                                           {"start_factor", 1e-4},
                                           {"by_epoch", by_epoch},
                                           {"begin", 0},
                                           {"end", warm_up},
                                           {"convert_to_iter_based", by_epoch}});
  return json::array({linear, cosine});
}

// data_preprocessor: ImageNet's mean and deviation for images of three channels, the middle of 0..255 for others.
inline json::Value normalisation(int64_t channels) {
  if (channels == 3)
    return json::object(
        {{"mean", json::array({123.675, 116.28, 103.53})}, {"std", json::array({58.395, 57.12, 57.375})}});
  return json::object({{"mean", json::array({127.5})}, {"std", json::array({127.5})}});  // one number for all channels
}

}  // namespace recipe
}  // namespace v0
}  // namespace ssp
