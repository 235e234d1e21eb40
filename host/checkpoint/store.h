// Owns a folder of checkpoints: commits that are whole or absent, retention, and the choice of what a run resumes from.
// Knows tensors as views and no LibTorch.
//
// A checkpoint is a folder NAME/ with tensor files, state/ blobs and manifest.json. It is written as .tmp-NAME, synced
// file by file and as a folder, renamed, and the parent synced; only then are older ones deleted (renamed to
// .trash-NAME, the manifest removed first). A kill at any point leaves the old set or the new one. One process, one
// thread writes: the run that holds the work folder's lock; in a run of many ranks, rank 0.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

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

// Whether anything in that folder was once a checkpoint: damaged and superseded ones included. Changes nothing.
bool holds_checkpoints(const std::string& directory);

// For who only looks: the one that newest_valid() of a store would give, while nothing is renamed or removed; damaged
// newer ones are a warning. Another process may be saving there.
std::optional<Checkpoint> newest_whole(const std::string& directory);

// The checkpoint that a folder is, or the newest whole one of the work folder that it is, which may be in use.
// Error(usage) when it is neither or holds none yet, Error(checkpoint) when what it holds is damaged.
Checkpoint checkpoint_at(const std::string& folder);

class CheckpointStore {
 public:
  // Removes what killed runs left unfinished there. The folder need not exist until the first save.
  // keep: how many checkpoints retention leaves, at least 1; -1: all. Error(usage) otherwise.
  CheckpointStore(std::string directory, int keep);

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
  // later resume must not take them. They are renamed NAME.superseded, with a warning, by the first save, once that is
  // committed: a run that comes to no save changes nothing. One that cannot be renamed is tried again by the next save.
  void go_on_from(const Manifest& resumed);

 private:
  void write_files(int folder, const std::string& path, Manifest& manifest, const std::vector<TensorFile>& tensors,
                   const std::vector<BlobFile>& blobs) const;
  void commit(int parent, const std::string& unfinished, const std::string& name) const;
  void set_aside_left_behind(const std::string& saved);
  void retain(const std::string& saved) const;
  std::string move_aside(const std::string& from, const std::string& name, std::string_view suffix) const;

  std::string directory_;
  int keep_;
  struct LeftBehind {
    std::string name;
    int64_t iter;
  };
  std::vector<LeftBehind> left_behind_;  // by go_on_from; not yet set aside
};

}  // namespace selfsup::checkpoint
