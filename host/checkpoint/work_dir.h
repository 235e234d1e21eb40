// Owns the folder of a run: that it exists, can be written, belongs to one job at a time, and that an old run in it is
// not overwritten by mistake. Knows no checkpoint's contents.
#pragma once
#include <string>

#include "checkpoint/file.h"

namespace selfsup::checkpoint {

// What to do when the folder holds checkpoints of an earlier run.
enum class IfUsed {
  refuse,    // Error(usage) that names --resume, another --work-dir and --overwrite
  resume,    // go on there
  overwrite  // move everything but the lock into PATH/old-N/ (the checkpoints first), N the first free number from 1
};

// Rank 0 only. The lock is a kernel lock on PATH/.lock, which holds a line about its holder; it ends with the process,
// however that ends, and with this object.
class WorkDir {
 public:
  // Creates what is missing, takes the lock, proves that files can be created, synced, renamed and removed, and applies
  // the rule. Error(usage): another job works there (it is named), or the rule says no. Error(storage): not writable.
  WorkDir(const std::string& path, IfUsed if_used);

  const std::string& path() const { return path_; }
  std::string checkpoints() const { return path_ + "/checkpoints"; }
  const std::string& moved_to() const { return moved_to_; }  // where the old run is now; empty: nothing was moved

 private:
  void lock();
  void probe() const;
  void move_aside();

  std::string path_, moved_to_;
  Fd lock_;
};

}  // namespace selfsup::checkpoint
