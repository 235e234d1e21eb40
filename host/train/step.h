// One optimizer step: forward and backward of its batches, and the update that ends it. When gradients are reduced,
// scaling, clipping and the mask of what is not finite are here. Knows no schedule, no log and no order of a run.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "data/loader/batch.h"
#include "distributed/group.h"
#include "distributed/progress.h"
#include "distributed/reducer.h"
#include "input/preprocess.h"
#include "train/amp.h"
#include "train/clip.h"
#include "train/optimizers/optimizer.h"
#include "train/task.h"

namespace selfsup::train {

struct StepParts {
  const input::Preprocessor& preprocess;
  Task& task;
  Optimizer& optimizer;
  GradScaler& scaler;
  const distributed::Group& group;
  distributed::Reducer& reducer;
  at::Device device;
  distributed::Progress* progress = nullptr;  // who watches the run is told of the parts of a step there
};

// What became of one batch.
struct Outcome {
  std::vector<bridge::NamedTensor> terms;  // losses and metrics
  at::Tensor total;                        // the sum of the losses
  std::optional<at::Tensor> norm;          // of the gradients, where an update was made and asked for it
};

class OptimizerStep {
 public:
  OptimizerStep(const StepParts& parts, const AmpSettings& amp, const ClipSettings& clip);

  // Forward alone; total is the graph's root. Error(plugin) when it depends on no trained parameter.
  Outcome forward(const bridge::Step& at, const data::Batch& batch);
  // Forward, backward and, with the last of the step's batches (at.micro + 1 == at.micros), the update.
  Outcome run(const bridge::Step& at, const data::Batch& batch);

  // A trained parameter that is no longer finite, by its name; "": none. Waits for the device.
  std::string spoiled() const;

  // A gradient norm that is not finite is a divergence; a loss scaler expects some.
  bool judges_norm() const { return !parts_.scaler.enabled(); }
  bool logs_norm() const { return clip_.kind == ClipSettings::Kind::norm; }

 private:
  void backward(const bridge::Step& at, const at::Tensor& total);
  void update(const bridge::Step& at, Outcome& outcome);
  at::Tensor mask(const at::Tensor& norm) const;
  void call_autograd(const at::Tensor& root) const;
  void enter(distributed::Phase phase, const bridge::Step& at) const;

  StepParts parts_;
  AmpSettings amp_;
  ClipSettings clip_;
  at::Tensor poison_;  // without a scaler, f32 scalar: 0, or NaN once a loss of this step was not finite
};

}  // namespace selfsup::train
