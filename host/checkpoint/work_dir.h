// Owns the folder of a run: that it exists, can be written, belongs to one job at a time, and that an old run in it is
// not overwritten by mistake. Knows no checkpoint's contents.
#pragma once
#include <string>
#include <vector>

#include "checkpoint/file.h"

namespace selfsup::checkpoint {

// What to do when the folder holds checkpoints of an earlier run.
enum class IfUsed {
  refuse,  // Error(usage) that names --resume, another --work-dir and --overwrite
  accept   // for the caller to go on with, or to move aside
};

// Rank 0 only. The lock is a kernel lock on PATH/.lock, which holds a line about its holder; it ends with the process,
// however that ends, and with this object.
class WorkDir {
 public:
  // Creates what is missing, takes the lock, does the renames that a killed process has left to do, proves that files
  // can be created, synced, renamed and removed, and applies the rule. Error(usage): another job works there (it is
  // named), or the rule says no. Error(storage): not writable.
  WorkDir(const std::string& path, IfUsed if_used);
  // Folders that this object made, parents too, and that were neither kept nor written to, go again.
  ~WorkDir();
  WorkDir(const WorkDir&) = delete;
  WorkDir& operator=(const WorkDir&) = delete;

  void keep() { made_.clear(); }  // the run begins

  // To be called before anything is committed there. A lock that somebody has deleted is taken again. Error(usage): the
  // folder has been deleted, moved or replaced, or another job has taken it.
  void require_ours();

  // Error(usage) for what has one of these names and is no regular file; of those to append to Error(storage) for one
  // that may not be written. Neither waits for anything.
  void require_regular(const std::vector<std::string>& replaced, const std::vector<std::string>& appended_to) const;

  // Error(usage) for what has that name and is no folder.
  void require_folder(const std::string& name) const;

  const std::string& path() const { return path_; }
  std::string checkpoints() const { return path_ + "/checkpoints"; }

  // Moves everything but the lock into PATH/old-N/, all or nothing, N the first free number from 1, and returns that
  // folder; "" when there is nothing to move. For --overwrite, once nothing else can fail.
  std::string move_aside();

 private:
  explicit WorkDir(const std::string& path);
  void lock();
  bool lock_stands() const;  // Error(storage)
  void probe() const;

  std::string path_;
  std::vector<std::string> made_;  // by make_folders
  Fd folder_, lock_;
};

}  // namespace selfsup::checkpoint
