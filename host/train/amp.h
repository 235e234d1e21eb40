// Mixed precision: the autocast region of a forward pass, and loss scaling for fp16. Knows no optimizer and no loop.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "train/state_dict.h"

namespace selfsup::train {

// What `optim_wrapper` asks for. dtype: absent = no autocast.
struct AmpSettings {
  std::optional<at::ScalarType> dtype = {};
  bool scaled = false;  // fp16: the loss is scaled
  bool dynamic = true;  // else the scale stays
  double init_scale = 65536, growth = 2, backoff = 0.5;
  int64_t growth_interval = 2000;
};

// Reads type (AmpOptimWrapper), dtype and loss_scale; `--amp` has set the type already. dtype left out is fp16 on CUDA
// and bf16 on the CPU. Error(usage): a dtype or scale that the device has not.
AmpSettings amp_settings(const Json& optim_wrapper, at::DeviceType device);

// Autocast on for the life of the object, on this thread; what was before is put back, and the cache of cast weights
// emptied. Does nothing without a dtype.
class AutocastScope {
 public:
  AutocastScope(at::DeviceType device, std::optional<at::ScalarType> dtype);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  at::DeviceType device_;
  bool active_, enabled_before_ = false;
  at::ScalarType dtype_before_{};
};

// torch.amp.GradScaler's arithmetic without its host syncs. Not enabled without settings.scaled: then it has no state,
// and nobody asks it for anything else.
class GradScaler {
 public:
  GradScaler(const AmpSettings& settings, at::Device device);

  bool enabled() const { return settings_.scaled; }
  at::Tensor scale(const at::Tensor& loss) const { return loss * scale_; }
  // Divides the gradients by the scale, in place, and returns found_inf: f32 scalar, 1 when one is not finite.
  const at::Tensor& unscale(const std::vector<at::Tensor>& gradients);
  // After the optimizer step: a smaller scale after an overflow, a larger one after growth_interval good steps.
  void update();

  // Shared with the scaler; for checkpoints. Names "scale", "growth_tracker".
  StateDict state() const;
  const at::Tensor& scale_value() const { return scale_; }

 private:
  AmpSettings settings_;
  at::Tensor scale_, growth_tracker_, found_inf_;
};

}  // namespace selfsup::train
