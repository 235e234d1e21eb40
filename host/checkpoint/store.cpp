#include "checkpoint/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/branch.h"
#include "checkpoint/names.h"

namespace selfsup::checkpoint {

CheckpointStore::CheckpointStore(std::string directory, int keep, std::function<void()> still_ours)
    : directory_(std::move(directory)), work_(parent_of(directory_)), keep_(keep), still_ours_(std::move(still_ours)) {
  if (keep_ != -1 && keep_ < 1)
    throw Error(Exit::usage, fmt::format("cannot keep {} checkpoints: expected at least 1, or -1 for all", keep_));
  const auto remove = [](int folder, const std::string& path, const std::string& name) {
    if (const int error = remove_tree(folder, name, manifest_name))
      log_warning(fmt::format("cannot remove {}/{}, left by an earlier run: {}", path, name, std::strerror(error)));
  };
  if (is_there(AT_FDCWD, work_ + "/" + std::string(branch_name)))
    remove(open_folder(work_).get(), work_, std::string(branch_name));
  if (!is_folder_or_link(directory_)) return;
  const Fd folder = open_folder(directory_);
  for (const std::string& name : list_folder(directory_)) {
    const bool old = name.starts_with(replaced);
    if (!name.starts_with(temporary) && !name.starts_with(trash) && !old) continue;
    if (old) {
      const std::string original = name.substr(replaced.size());
      if (!is_folder(directory_ + "/" + original) && rename_in(folder.get(), name, original) == 0) continue;
    }
    remove(folder.get(), directory_, name);
  }
}

void CheckpointStore::probe() const {
  const std::string longest = "probe-of-a-name-as-long-as-any-that-is-given";
  const std::string unfinished = std::string(temporary) + longest, path = directory_ + "/" + unfinished;
  std::vector<std::string> made;
  const auto clean = [&] {
    for (auto folder = made.rbegin(); folder != made.rend(); ++folder) ::rmdir(folder->c_str());  // if it is empty
  };
  try {
    make_folders(directory_, &made);
    const Fd folder = open_folder(directory_);
    for (const std::string& name : list_folder(directory_))
      if (run_checkpoint_name(name) && !is_folder(directory_ + "/" + name))
        throw Error(Exit::usage, fmt::format("{}/{} is in the way of checkpoints: expected a folder. Move it away, or "
                                             "choose another --work-dir",
                                             directory_, name));
    remove_tree(folder.get(), unfinished);
    try {
      make_folder(folder.get(), unfinished, path);
      Manifest manifest;
      write_files(open_folder(path).get(), path, manifest, {}, {{"state/" + longest, "probe\n"}});
      sync_folder(open_folder(path).get(), path);
      const std::string moved = std::string(trash) + longest;
      if (rename_in(folder.get(), unfinished, moved) != 0) throw_storage("rename folders in", directory_, errno);
      sync_folder(folder.get(), directory_);
      if (const int error = remove_tree(folder.get(), moved)) throw_storage("remove folders in", directory_, error);
    } catch (...) {
      for (const std::string_view prefix : {temporary, trash}) remove_tree(folder.get(), std::string(prefix) + longest);
      throw;
    }
  } catch (...) {
    clean();
    throw;
  }
  clean();
}

std::string CheckpointStore::save(const std::string& name, Manifest manifest, const std::vector<TensorFile>& tensors,
                                  const std::vector<BlobFile>& blobs) {
  if (!valid_checkpoint_name(name)) throw Error(Exit::failed, fmt::format("{} is no name for a checkpoint", name));
  still_ours_();  // before anything is made in a folder that may be gone
  make_folders(directory_);
  const Fd parent = open_folder(directory_);
  const std::string path = directory_ + "/" + name, unfinished = std::string(temporary) + name;
  const std::string unfinished_path = directory_ + "/" + unfinished;
  std::vector<Rename> changes;
  remove_tree(parent.get(), unfinished);  // of a save of that name that failed and could not be cleaned up
  try {
    make_folder(parent.get(), unfinished, unfinished_path);
    {
      const Fd folder = open_folder(unfinished_path);
      write_files(folder.get(), unfinished_path, manifest, tensors, blobs);
      sync_folder(folder.get(), unfinished_path);
    }
    still_ours_();
    changes_course_ ? write_down(work_, changes = of_change(name)) : commit(parent.get(), unfinished, name);
  } catch (...) {
    remove_tree(parent.get(), unfinished);
    throw;
  }
  if (changes_course_) change_course(changes);
  sync_folder(parent.get(), directory_);
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
    return rename_in(parent, from, to, flags) == 0;
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
      make_folder(folder, "state", path + "/state");
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
    if (rename_in(parent.get(), name, gone.back()) != 0) {
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
    const std::string moved = move_aside(ruin.name, damaged);
    log_warning(fmt::format("{}\n  {}resuming from {} at iteration {}\n  the damaged checkpoint {}", ruin.reason, lost,
                            search.found->path(), iter, moved.empty() ? "could not be renamed" : "is now " + moved));
  }
  return std::move(search.found);
}

// Of one that cannot be read its name must do: a later start may be able to read it.
bool CheckpointStore::is_later(const std::string& name, const Manifest& resumed) const {
  try {
    return step_of(read_manifest(directory_ + "/" + name)) > step_of(resumed);
  } catch (const Error& error) {
    if (error.exit() != Exit::checkpoint) throw;
  }
  if (!run_checkpoint_name(name)) return false;
  const size_t digits = name.find('_') + 1;
  int64_t number = 0;
  if (std::from_chars(name.data() + digits, name.data() + name.size(), number).ec != std::errc()) return true;
  return number > (name.starts_with("epoch_") ? resumed.epoch : resumed.iter);
}

bool CheckpointStore::go_on_from(const Manifest& resumed) {
  left_behind_.clear();
  for (const std::string& name : checkpoint_names(directory_))
    if (is_later(name, resumed)) left_behind_.push_back(name);
  changes_course_ = !left_behind_.empty();
  const std::string branch = files();
  if (changes_course_ && is_there(AT_FDCWD, branch)) throw_storage("make room for a new course in", branch, EEXIST);
  return changes_course_;
}

std::string CheckpointStore::files() const {
  return changes_course_ ? fmt::format("{}/{}", work_, branch_name) : work_;
}

std::vector<Rename> CheckpointStore::of_change(const std::string& saved) const {
  const std::string checkpoints = directory_.substr(directory_.find_last_of('/') + 1);
  remove_tree(open_folder(directory_).get(), std::string(replaced) + saved);
  return renames_of_change(work_, checkpoints, left_behind_, {std::string(temporary) + saved, saved});
}

// They are written down: the run has another course from here on.
void CheckpointStore::change_course(const std::vector<Rename>& changes) {
  finish_renames(work_);
  changes_course_ = false;
  for (const auto& [from, to] : changes)
    if (to.find(superseded) != to.npos)
      log_warning(
          fmt::format("{}/{} belongs to what this run did not go on from; it is now {}/{}", work_, from, work_, to));
  if (const int error = remove_tree(open_folder(work_).get(), std::string(branch_name)))
    log_warning(fmt::format("cannot remove {}/{}: {}", work_, branch_name, std::strerror(error)));
}

// To the first free NAME.suffix, NAME.suffix-2, …; empty when that fails, with errno.
std::string CheckpointStore::move_aside(const std::string& name, std::string_view suffix) const {
  const Fd folder = open_folder(directory_);
  const std::string to = free_name(folder.get(), name, suffix);
  return rename_in(folder.get(), name, to) == 0 ? directory_ + "/" + to : "";
}

}  // namespace selfsup::checkpoint
