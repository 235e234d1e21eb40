// Owns a folder of checkpoints that a run writes: commits that are whole or absent, and retention.
// Knows tensors as views and no LibTorch.
//
// A checkpoint is a folder NAME/ with tensor files, state/ blobs and manifest.json. It is written as .tmp-NAME, synced
// file by file and as a folder, renamed, and the parent synced; only then are older ones deleted (renamed to
// .trash-NAME, the manifest removed first). A kill at any point leaves the old set or the new one. One process, one
// thread writes: the run that holds the work folder's lock; in a run of many ranks, rank 0. Folders of checkpoints may
// be links to other disks.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/renames.h"
#include "checkpoint/search.h"

namespace selfsup::checkpoint {

// What goes into a checkpoint. Borrowed until save returns.
struct TensorFile {
  std::string name;  // "model.safetensors"
  std::vector<TensorView> tensors;
  Metadata metadata = {};
};
struct BlobFile {
  std::string name;  // "state/<component path>.bin", "state/<component path>.rank1.bin"
  std::string_view bytes;
};

class CheckpointStore {
 public:
  // directory: a folder of a work folder, which is locked, and in which no renames are left to do. Removes what killed
  // runs left unfinished in both. It need not exist until the first save.
  // keep: how many checkpoints retention leaves, at least 1; -1: all. Error(usage) otherwise.
  // still_ours: called before every commit; what it throws leaves all as it is.
  CheckpointStore(
      std::string directory, int keep, std::function<void()> still_ours = [] {});

  // Proves that saves can be made: that folders and files can be created there, synced, renamed and removed, under
  // names as long as theirs, and that nothing is in the way of a name that a run gives. Leaves nothing behind.
  // Error(storage); Error(usage) for what is in the way.
  void probe() const;

  // Commits a checkpoint and returns its path; manifest.files is filled in here. A name that exists is replaced in one
  // step. On failure what was there is untouched, the unfinished one is removed, and Error(storage) says what was
  // needed and what is free. Older checkpoints that cannot be deleted are a warning.
  std::string save(const std::string& name, Manifest manifest, const std::vector<TensorFile>& tensors,
                   const std::vector<BlobFile>& blobs = {});

  // The checkpoint with the largest step that is whole. Damaged newer ones are set aside (renamed NAME.damaged) with a
  // warning that says which file and how many iterations are lost; a folder of another name than epoch_N or iter_N is
  // a checkpoint only if it has a manifest. None there at all: nullopt. All damaged, also when set aside by an earlier
  // call, or left behind by an earlier run: Error(checkpoint).
  std::optional<Checkpoint> newest_valid();

  // For a run that goes on from an older checkpoint: those with a larger step belong to a future that it leaves, and a
  // later resume must not take them. Nothing of that future is touched before the first save. At its commit, and in one
  // step with it, they are renamed NAME.superseded, with a warning, and the run's other files take their places.
  // False: there are none. Error(storage) when something called .branch is in the way that cannot be removed.
  bool go_on_from(const Manifest& resumed);
  // Where those are to be written: the work folder, or until that first save .branch in it.
  std::string files() const;

 private:
  void write_files(int folder, const std::string& path, Manifest& manifest, const std::vector<TensorFile>& tensors,
                   const std::vector<BlobFile>& blobs) const;
  void commit(int parent, const std::string& unfinished, const std::string& name) const;
  bool is_later(const std::string& name, const Manifest& resumed) const;
  std::vector<Rename> of_change(const std::string& saved) const;
  void change_course(const std::vector<Rename>& changes);
  void retain(const std::string& saved) const;
  std::string move_aside(const std::string& name, std::string_view suffix) const;

  std::string directory_, work_;
  int keep_;
  std::function<void()> still_ours_;
  bool changes_course_ = false;           // with the next save
  std::vector<std::string> left_behind_;  // which are set aside then
};

}  // namespace selfsup::checkpoint
