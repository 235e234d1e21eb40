// Everything that a run must keep to go on exactly: its tensors, optimizer, scaler, counters and the algorithm's own
// state, to and from a checkpoint. Knows no file format (the checkpoint room does) and no loop.
#pragma once
#include <string>
#include <vector>

#include "checkpoint/store.h"
#include "checkpoint/strict_report.h"
#include "model/store.h"
#include "train/amp.h"
#include "train/optimizers/optimizer.h"
#include "train/position.h"
#include "train/task.h"

namespace selfsup::train {

// Where the run of a checkpoint stood.
Position position_of(const checkpoint::Manifest& manifest);

class RunState {
 public:
  // References outlive this object. scaler: null without one.
  RunState(model::ParameterStore& model, Optimizer& optimizer, GradScaler* scaler, Task& task)
      : model_(model), optimizer_(optimizer), scaler_(scaler), task_(task) {}

  // Commits a checkpoint under `name`. manifest: all that is not the counters is filled in already. blobs: files of the
  // caller's own, which it reads back itself.
  std::string save(checkpoint::CheckpointStore& store, const std::string& name, const Position& position,
                   checkpoint::Manifest manifest, std::vector<checkpoint::BlobFile> blobs = {}) const;

  // Takes everything from a checkpoint but the position, in place. A tensor that is missing, too many or
  // of another shape is Error(checkpoint) with the list; nothing has been changed then. The algorithm reads its own
  // state last and may refuse it. A loss scaler that the saved run did not have starts afresh.
  void restore(const checkpoint::Checkpoint& checkpoint);

  // Values of the model only, for --load-from; another dtype is converted. The report says what matched; tensors that
  // are missing keep their values, unexpected ones are ignored, a wrong shape is Error(checkpoint), and so is a file
  // of which nothing matches.
  checkpoint::StrictReport load_weights(const checkpoint::SafetensorsFile& file);

 private:
  model::ParameterStore& model_;
  Optimizer& optimizer_;
  GradScaler* scaler_;
  Task& task_;
};

// "model.safetensors", "optimizer.safetensors"; in the latter the scaler's tensors are "scaler/<name>".
inline constexpr const char* model_file = "model.safetensors";
inline constexpr const char* optimizer_file = "optimizer.safetensors";

}  // namespace selfsup::train
