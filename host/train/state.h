// What keepers keep, to and from a checkpoint. Knows no file format (the checkpoint room does), no loop, and not what
// is kept.
#pragma once
#include <string>

#include "checkpoint/store.h"
#include "checkpoint/strict_report.h"
#include "model/store.h"
#include "train/keeper.h"
#include "train/position.h"

namespace selfsup::train {

// Where the run of a checkpoint stood.
Position position_of(const checkpoint::Manifest& manifest);

// Commits a checkpoint under `name` and returns its path. manifest: all but the counters is filled in already.
std::string save(const Keepers& keepers, checkpoint::CheckpointStore& store, const std::string& name,
                 const Position& position, checkpoint::Manifest manifest);

// Takes everything from a checkpoint but the position, in place. Error(checkpoint) when something does not fit; nothing
// has been changed then, unless it is a component that refuses its own state.
void restore(const Keepers& keepers, const checkpoint::Checkpoint& checkpoint);

// Values of the model only, for --load-from; another dtype is converted. The report says what matched; tensors that
// are missing keep their values, unexpected ones are ignored, a wrong shape is Error(checkpoint), and so is a file
// of which nothing matches.
checkpoint::StrictReport load_weights(model::ParameterStore& model, const checkpoint::SafetensorsFile& file);

}  // namespace selfsup::train
