// The size of the gradients, and keeping it down. Never waits for the device. Knows no optimizer.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "base/json.h"

namespace selfsup::train {

struct ClipSettings {
  enum class Kind { none, norm, value };
  Kind kind = Kind::none;
  double limit = 0;      // max_norm or clip_value
  double norm_type = 2;  // may be infinity
};

// The node `optim_wrapper.clip_grad`: {"max_norm", "norm_type"} or {"type": "value", "clip_value"}; null: none.
ClipSettings clip_settings(const Json& clip_grad);

// The norm over all gradients as one f32 scalar on their device; not finite when one of them is not.
at::Tensor gradient_norm(const std::vector<at::Tensor>& gradients, double norm_type = 2);

// torch.nn.utils.clip_grad_norm_ (factor max_norm / (norm + 1e-6), at most 1) or clip_grad_value_, in place.
// norm: of the gradients, in settings.norm_type; for Kind::norm alone, else it may be absent.
void clip_gradients(const std::vector<at::Tensor>& gradients, const std::optional<at::Tensor>& norm,
                    const ClipSettings& settings);

}  // namespace selfsup::train
