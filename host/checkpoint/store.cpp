#include "checkpoint/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/names.h"

namespace selfsup::checkpoint {
namespace {

constexpr std::string_view temporary = ".tmp-", trash = ".trash-", replaced = ".old-", damaged = ".damaged",
                           superseded = ".superseded";

auto step_of(const Manifest& m) { return std::tuple(m.iter, m.update); }

bool is_folder(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_folder_or_link(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool has_manifest(const std::string& folder) {
  struct stat status;
  return ::lstat(fmt::format("{}/{}", folder, manifest_name).c_str(), &status) == 0;
}

// Whether the folder `entry` of `directory` is, or should be, the checkpoint `name`: damage may have taken the manifest
// of one that a run has named. Other folders are their owner's.
bool is_checkpoint(const std::string& directory, const std::string& entry, std::string_view name) {
  const std::string path = directory + "/" + entry;
  return valid_checkpoint_name(name) && is_folder(path) && (run_checkpoint_name(name) || has_manifest(path));
}

std::vector<std::string> checkpoint_names(const std::string& directory) {
  std::vector<std::string> names;
  if (!is_folder_or_link(directory)) return names;
  for (std::string& name : list_folder(directory)) {
    if (is_checkpoint(directory, name, name)) names.push_back(std::move(name));
  }
  return names;
}

// Whether an earlier run renamed it.
bool is_set_aside(const std::string& entry) {
  return entry.front() != '.' && (entry.find(damaged) != entry.npos || entry.find(superseded) != entry.npos);
}

std::vector<std::string> names_set_aside(const std::string& directory) {
  std::vector<std::string> names;
  if (!is_folder_or_link(directory)) return names;
  for (std::string& name : list_folder(directory)) {
    if (is_set_aside(name)) names.push_back(std::move(name));
  }
  return names;
}

// What is not whole among the checkpoints of a folder.
struct Ruin {
  std::string name, reason;
  std::optional<int64_t> iter;
};

struct Search {
  std::optional<Checkpoint> found;  // of those that are whole, the one with the largest step
  std::vector<Ruin> ruins;          // newer than that

  // Error(checkpoint) where there were checkpoints, and none is whole.
  void throw_if_ruined(const std::string& directory, std::string_view advice) const {
    const std::vector<std::string> aside = names_set_aside(directory);
    if (ruins.empty() && aside.empty()) return;
    std::string text = fmt::format("no valid checkpoint is left in {}", directory);
    for (const Ruin& ruin : ruins) text += "\n  " + ruin.reason;
    for (const std::string& name : aside) text += fmt::format("\n  {} was set aside by an earlier run", name);
    throw Error(Exit::checkpoint, fmt::format("{}\nNothing was changed. {}", text, advice));
  }
};

Search search_in(const std::string& directory) {
  struct Candidate {
    std::tuple<int64_t, int64_t> step;
    std::string name;
  };
  Search search;
  std::vector<Candidate> candidates;
  const auto damaged_only = [](const Error& error) {
    return error.exit() == Exit::checkpoint && !dynamic_cast<const NewerFormat*>(&error);
  };
  for (const std::string& name : checkpoint_names(directory)) {
    const std::string path = directory + "/" + name;
    try {
      candidates.push_back({step_of(read_manifest(path)), name});
    } catch (const Error& error) {
      if (!damaged_only(error)) throw;
      search.ruins.push_back({name, error.what(), std::nullopt});
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return std::tie(a.step, a.name) > std::tie(b.step, b.name); });
  for (const Candidate& candidate : candidates) {
    try {
      search.found.emplace(directory + "/" + candidate.name);
      break;
    } catch (const Error& error) {
      if (!damaged_only(error)) throw;
      search.ruins.push_back({candidate.name, error.what(), std::get<0>(candidate.step)});
    }
  }
  return search;
}

}  // namespace

CheckpointStore::CheckpointStore(std::string directory, int keep) : directory_(std::move(directory)), keep_(keep) {
  if (keep_ != -1 && keep_ < 1)
    throw Error(Exit::usage, fmt::format("cannot keep {} checkpoints: expected at least 1, or -1 for all", keep_));
  if (!is_folder_or_link(directory_)) return;
  const Fd folder = open_folder(directory_);
  for (const std::string& name : list_folder(directory_)) {
    const bool old = name.starts_with(replaced);
    if (!name.starts_with(temporary) && !name.starts_with(trash) && !old) continue;
    if (old) {
      const std::string original = name.substr(replaced.size());
      if (!is_folder(directory_ + "/" + original) &&
          ::renameat(folder.get(), name.c_str(), folder.get(), original.c_str()) == 0)
        continue;
    }
    if (const int error = remove_tree(folder.get(), name, manifest_name))
      log_warning(
          fmt::format("cannot remove {}/{}, left by an earlier run: {}", directory_, name, std::strerror(error)));
  }
}

std::string CheckpointStore::save(const std::string& name, Manifest manifest, const std::vector<TensorFile>& tensors,
                                  const std::vector<BlobFile>& blobs) {
  if (!valid_checkpoint_name(name)) throw Error(Exit::failed, fmt::format("{} is no name for a checkpoint", name));
  make_folders(directory_);
  const Fd parent = open_folder(directory_);
  const std::string path = directory_ + "/" + name, unfinished = std::string(temporary) + name;
  const std::string unfinished_path = directory_ + "/" + unfinished;
  remove_tree(parent.get(), unfinished);  // of a save of that name that failed and could not be cleaned up
  try {
    if (::mkdirat(parent.get(), unfinished.c_str(), 0777) != 0) throw_storage("create", unfinished_path, errno);
    {
      const Fd folder = open_folder(unfinished_path);
      write_files(folder.get(), unfinished_path, manifest, tensors, blobs);
      sync_folder(folder.get(), unfinished_path);
    }
    commit(parent.get(), unfinished, name);
  } catch (...) {
    remove_tree(parent.get(), unfinished);
    throw;
  }
  sync_folder(parent.get(), directory_);
  set_aside_left_behind(name);
  for (const std::string_view prefix : {temporary, replaced}) {
    if (const int error = remove_tree(parent.get(), std::string(prefix) + name, manifest_name))
      log_warning(fmt::format("cannot delete what {} replaced: {}", path, std::strerror(error)));
  }
  retain(name);
  return path;
}

// Gives the unfinished checkpoint its name. One that had the name stays under another until the caller has synced.
void CheckpointStore::commit(int parent, const std::string& unfinished, const std::string& name) const {
  const std::string path = directory_ + "/" + name, old = std::string(replaced) + name;
  const auto rename = [&](const std::string& from, const std::string& to, unsigned flags) {
    return ::renameat2(parent, from.c_str(), parent, to.c_str(), flags) == 0;
  };
  if (is_folder(path)) {
    if (rename(unfinished, name, RENAME_EXCHANGE)) return;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) throw_storage("replace", path, errno);
    // A file system that cannot exchange: for a moment only .old-NAME exists; the constructor puts it back after a
    // kill.
    remove_tree(parent, old);
    if (!rename(name, old, 0)) throw_storage("replace", path, errno);
  }
  if (rename(unfinished, name, 0)) return;
  const int error = errno;
  rename(old, name, 0);
  throw_storage("rename to", path, error);
}

void CheckpointStore::write_files(int folder, const std::string& path, Manifest& manifest,
                                  const std::vector<TensorFile>& tensors, const std::vector<BlobFile>& blobs) const {
  manifest.files.clear();
  Fd state;
  const auto write = [&](const std::string& name, uint64_t bytes, const auto& fill) {
    if (!valid_file_name(name))
      throw Error(Exit::failed, fmt::format("{} is no name for a file of a checkpoint", name));
    const bool in_state = name.starts_with("state/");
    if (in_state && !state) {
      if (::mkdirat(folder, "state", 0777) != 0) throw_storage("create", path + "/state", errno);
      state = open_folder(path + "/state");
    }
    HashingFile file(in_state ? state.get() : folder, in_state ? name.substr(6) : name, path + "/" + name, bytes);
    fill(file);
    manifest.files.push_back(file.finish());
    manifest.files.back().name = name;
  };
  for (const TensorFile& t : tensors) {
    const SafetensorsLayout layout(t.tensors, t.metadata);
    write(t.name, layout.file_bytes(), [&](HashingFile& file) { layout.write(file); });
  }
  for (const BlobFile& b : blobs)
    write(b.name, b.bytes.size(), [&](HashingFile& file) { file.write(b.bytes.data(), b.bytes.size()); });
  if (state) sync_folder(state.get(), path + "/state");

  const std::string text = manifest_text(manifest);
  HashingFile file(folder, std::string(manifest_name), fmt::format("{}/{}", path, manifest_name), text.size());
  file.write(text.data(), text.size());
  file.finish();
}

void CheckpointStore::retain(const std::string& saved) const try {
  if (keep_ == -1) return;
  std::vector<std::pair<std::tuple<int64_t, int64_t>, std::string>> whole;
  for (const std::string& name : checkpoint_names(directory_)) {
    if (name == saved) continue;
    if (const auto manifest = looks_whole(directory_ + "/" + name)) whole.emplace_back(step_of(*manifest), name);
  }
  std::sort(whole.begin(), whole.end(), std::greater<>());
  const Fd parent = open_folder(directory_);
  const auto warn = [&](const std::string& name, int error) {
    if (error)
      log_warning(fmt::format("cannot delete the old checkpoint {}/{}: {}", directory_, name, std::strerror(error)));
  };
  std::vector<std::string> gone;
  for (size_t i = static_cast<size_t>(keep_ - 1); i < whole.size(); ++i) {
    const std::string& name = whole[i].second;
    gone.push_back(std::string(trash) + name);
    if (::renameat(parent.get(), name.c_str(), parent.get(), gone.back().c_str()) != 0) {
      warn(name, errno);
      gone.pop_back();
    }
  }
  if (gone.empty()) return;
  sync_folder(parent.get(), directory_);
  for (const std::string& name : gone) warn(name, remove_tree(parent.get(), name, manifest_name));
} catch (const Error& error) {
  log_warning(fmt::format("old checkpoints are kept: {}", error.what()));
}

std::optional<Checkpoint> CheckpointStore::newest_valid() {
  Search search = search_in(directory_);
  if (!search.found) {
    search.throw_if_ruined(directory_,
                           "Give another checkpoint with --resume PATH, or start anew with --overwrite or another "
                           "--work-dir");
    return std::nullopt;
  }
  const int64_t iter = search.found->manifest().iter;
  for (const Ruin& ruin : search.ruins) {
    const std::string lost =
        ruin.iter ? fmt::format("iterations lost: {}; ", *ruin.iter - iter) : "its step is unknown; ";
    const std::string moved = move_aside(ruin.name, ruin.name, damaged);
    log_warning(fmt::format("{}\n  {}resuming from {} at iteration {}\n  the damaged checkpoint {}", ruin.reason, lost,
                            search.found->path(), iter, moved.empty() ? "could not be renamed" : "is now " + moved));
  }
  return std::move(search.found);
}

std::optional<Checkpoint> newest_whole(const std::string& directory) {
  Search search = search_in(directory);
  if (!search.found) search.throw_if_ruined(directory, "Give the path of another checkpoint");
  for (const Ruin& ruin : search.ruins) log_warning(ruin.reason);
  return std::move(search.found);
}

Checkpoint checkpoint_at(const std::string& folder) {
  const std::string inside = folder + "/checkpoints";
  if (has_manifest(folder)) return Checkpoint(folder);
  if (!is_folder_or_link(inside))
    throw Error(Exit::usage, fmt::format("there is no checkpoint at {}: expected the folder of a checkpoint, as in "
                                         "WORK_DIR/checkpoints/epoch_3, or a work folder",
                                         folder));
  if (auto newest = newest_whole(inside)) return std::move(*newest);
  throw Error(Exit::usage, fmt::format("there is no checkpoint in {} yet", inside));
}

void CheckpointStore::go_on_from(const Manifest& resumed) {
  left_behind_.clear();
  for (const std::string& name : checkpoint_names(directory_)) {
    const auto manifest = looks_whole(directory_ + "/" + name);
    if (manifest && step_of(*manifest) > step_of(resumed)) left_behind_.push_back({name, manifest->iter});
  }
}

void CheckpointStore::set_aside_left_behind(const std::string& saved) {
  const auto path = [&](std::string_view prefix, const std::string& name) {
    return fmt::format("{}/{}{}", directory_, prefix, name);
  };
  std::erase_if(left_behind_, [&](const LeftBehind& left) {
    // One that had the new one's name has been put out of its place.
    const bool displaced = left.name == saved;
    const std::string_view prefix = !displaced ? "" : is_folder(path(replaced, saved)) ? replaced : temporary;
    if (!is_folder(path(prefix, left.name))) return true;  // retention has deleted it
    const std::string moved = move_aside(std::string(prefix) + left.name, left.name, superseded);
    const std::string outcome =
        moved.empty() ? fmt::format("could not be renamed: {}", std::strerror(errno)) : "is now " + moved;
    log_warning(fmt::format("the checkpoint of iteration {} belongs to what this run did not go on from; it {}",
                            left.iter, outcome));
    return displaced || !moved.empty();
  });
}

// To the first free NAME.suffix, NAME.suffix-2, …; empty when that fails, with errno.
std::string CheckpointStore::move_aside(const std::string& from, const std::string& name,
                                        std::string_view suffix) const {
  const std::string path = directory_ + "/" + name;
  std::string to = fmt::format("{}{}", path, suffix);
  for (int n = 2; is_folder(to); ++n) to = fmt::format("{}{}-{}", path, suffix, n);
  return ::rename((directory_ + "/" + from).c_str(), to.c_str()) == 0 ? to : "";
}

bool holds_checkpoints(const std::string& directory) {
  if (!is_folder_or_link(directory)) return false;
  const std::vector<std::string> entries = list_folder(directory);
  return std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) {
    const std::string name = entry.starts_with(replaced) ? entry.substr(replaced.size()) : entry;
    return is_set_aside(entry) || is_checkpoint(directory, entry, name);
  });
}

}  // namespace selfsup::checkpoint
