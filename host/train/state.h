// What keepers keep, to and from a checkpoint. Knows no file format (the checkpoint room does), no loop, and not what
// is kept.
#pragma once
#include <string>

#include "checkpoint/store.h"
#include "train/keeper.h"
#include "train/position.h"

namespace selfsup::train {

// Where the run of a checkpoint stood.
Position position_of(const checkpoint::Manifest& manifest);

// Called by every rank; the first one, which alone has a store, commits a checkpoint under `name`. Returns its path, on
// all ranks, when it is on the disk. manifest: all but the counters is filled in already.
std::string save(const Keepers& keepers, const distributed::Group& group, checkpoint::CheckpointStore* store,
                 const std::string& name, const Position& position, checkpoint::Manifest manifest);

// Takes everything from a checkpoint but the position, in place. Error(checkpoint) when something does not fit; nothing
// has been changed then, unless it is a component that refuses its own state.
void restore(const Keepers& keepers, const checkpoint::Checkpoint& checkpoint);

}  // namespace selfsup::train
