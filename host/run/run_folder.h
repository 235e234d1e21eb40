// Owns the folder of a run that trains: the lock on it, the checkpoint that the run goes on from, its log, and what it
// leaves beside checkpoints and metrics. Of several ranks the first one has it; the others know what it goes on from.
// Knows no tensor and no device.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/store.h"
#include "checkpoint/work_dir.h"
#include "config/run_config.h"
#include "data/loader/loader.h"
#include "run/processes.h"

namespace selfsup::run {

class RunFolder {
 public:
  // Takes the folder, of which nothing but damaged checkpoints and leftovers of saves is moved before begin(), and
  // opens the checkpoint to go on from. The log begins here if any checkpoint may be damaged, else with begin().
  // Called by every rank; another rank opens the checkpoint that the first one has chosen. Error(checkpoint) when it is
  // not there: all machines must see one folder.
  RunFolder(const config::RunConfig& config, bool overwrite, const Processes& processes);

  const std::string& path() const { return path_; }
  // Where the run's files go: path(), or a folder in it as of CheckpointStore::files().
  std::string files() const { return store_ ? store_->files() : path_; }
  checkpoint::CheckpointStore* store() { return store_ ? &*store_ : nullptr; }  // of the first rank

  // The run goes on from an older checkpoint than others here: nothing of it counts before its first save.
  bool changes_course() const { return changes_course_; }

  // The one that the run goes on from; null: it starts fresh. Once closed, it has its path and its manifest only.
  const checkpoint::Checkpoint* checkpoint() const { return checkpoint_ ? &*checkpoint_ : nullptr; }
  void close_checkpoint() { checkpoint_->close(); }
  // The run was to be resumed, and there is nothing to go on from.
  bool nothing_to_resume() const { return resume_ != config::ResumeFrom::nothing && !checkpoint_; }
  // The seed of the run that is resumed, also if it came to no checkpoint. Of the first rank.
  std::optional<uint64_t> earlier_seed() const;
  // The images that it could not use. Error(checkpoint).
  std::vector<data::BadFile> known_bad() const;

  // The rest is of the first rank, and does nothing on others.
  //
  // Nothing that can be known beforehand is wrong. The folder stays; an old run is moved aside if it is to be
  // overwritten; the log begins; the resolved configuration is written; the first save will leave later checkpoints
  // behind.
  void begin(const Json& config);

  // Before anything is written there: Error(usage) when the folder is no longer this run's. From then on lost() is
  // true, and the log has ended.
  void require_ours();
  bool lost() const { return lost_; }

  // Writes the list of images that the run could not use, if there are any, and says so; else takes an old one away. A
  // list that cannot be written is a warning. Error as of require_ours().
  void list_bad_files(const std::vector<data::BadFile>& bad);

 private:
  void take(const config::RunConfig& config);
  void open(const std::string& chosen);
  void open_log();

  const Processes& processes_;
  bool overwrite_;
  config::ResumeFrom resume_;
  std::string path_;
  std::optional<checkpoint::WorkDir> dir_;
  std::optional<checkpoint::CheckpointStore> store_;
  std::optional<checkpoint::Checkpoint> checkpoint_;
  bool changes_course_ = false, logging_ = false, lost_ = false;
};

}  // namespace selfsup::run
