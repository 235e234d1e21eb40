// Finds the checkpoints of a folder, and the one to go on from. Changes nothing.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace selfsup::checkpoint {

inline auto step_of(const Manifest& manifest) { return std::tuple(manifest.iter, manifest.update); }

// Of those that are, or should be, checkpoints: damage may have taken the manifest of one that a run has named. Other
// folders are their owner's. None without such a directory; Error(storage).
std::vector<std::string> checkpoint_names(const std::string& directory);

// Whether anything in that folder was once a checkpoint: damaged and superseded ones included.
bool holds_checkpoints(const std::string& directory);

// What is not whole among the checkpoints of a folder.
struct Ruin {
  std::string name, reason;
  std::optional<int64_t> iter;
};

struct Search {
  std::optional<Checkpoint> found;  // of those that are whole, the one with the largest step
  std::vector<Ruin> ruins;          // newer than that

  // Error(checkpoint) where there were checkpoints, and none is whole.
  void throw_if_ruined(const std::string& directory, std::string_view advice) const;
};
Search search_in(const std::string& directory);

// For who only looks: the one that a run would go on from; damaged newer ones are a warning. Another process may be
// saving there.
std::optional<Checkpoint> newest_whole(const std::string& directory);

// The checkpoint that a folder is, or the newest whole one of the work folder that it is, which may be in use.
// Error(usage) when it is neither or holds none yet, Error(checkpoint) when what it holds is damaged.
Checkpoint checkpoint_at(const std::string& folder);

}  // namespace selfsup::checkpoint
