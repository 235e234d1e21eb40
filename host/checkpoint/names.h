// Owns which names a checkpoint and its files may have: a small set, so that no name leads elsewhere. Knows nobody.
#pragma once
#include <string>
#include <string_view>

namespace selfsup::checkpoint {

inline constexpr std::string_view manifest_name = "manifest.json";

// Before the name of a checkpoint that is being written, deleted, or replaced; after that of one that is set aside.
inline constexpr std::string_view temporary = ".tmp-", trash = ".trash-", replaced = ".old-", damaged = ".damaged",
                                  superseded = ".superseded";

// "epoch_3", "iter_120": 1 to 64 of [A-Za-z0-9_-]. A dot marks what is not a checkpoint (.tmp-…, ….damaged).
inline bool valid_checkpoint_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == name.npos;
}

// "epoch_3", "iter_120": the names that runs give.
inline bool run_checkpoint_name(std::string_view name) {
  if (name.starts_with("epoch_")) {
    name.remove_prefix(6);
  } else if (name.starts_with("iter_")) {
    name.remove_prefix(5);
  } else {
    return false;
  }
  return !name.empty() && name.find_first_not_of("0123456789") == name.npos;
}

// "model.safetensors", "state/backbone.rank0.bin": [A-Za-z0-9._-], not starting with a dot, at most one folder,
// "state/".
inline bool valid_file_name(std::string_view name) {
  if (name.starts_with("state/")) name.remove_prefix(6);
  return !name.empty() && name.size() <= 200 && name.front() != '.' && name != manifest_name &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == name.npos;
}

// "state/teacher.bin", or "state/teacher.rank1.bin" where each rank has its own: the file of a component's state. The
// empty path is the algorithm's.
inline std::string state_file_name(std::string_view component_path, bool per_rank, int rank) {
  const std::string name(component_path.empty() ? "algorithm" : component_path);
  return "state/" + name + (per_rank ? ".rank" + std::to_string(rank) : "") + ".bin";
}

}  // namespace selfsup::checkpoint
