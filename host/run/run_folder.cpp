#include "run/run_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/file.h"
#include "distributed/values.h"
#include "plugin/surroundings.h"
#include "run/bad_files.h"
#include "run/prepared.h"

namespace selfsup::run {
namespace {

using checkpoint::IfUsed;
using config::ResumeFrom;

// A file that cannot be read tells nothing.
std::optional<uint64_t> seed_in(const std::string& resolved_config) try {
  if (!std::filesystem::exists(resolved_config)) return std::nullopt;
  const Json resolved = read_json_file(resolved_config, "file");
  const Json* seed = resolved.at_path("randomness.seed");
  return seed ? std::optional<uint64_t>(static_cast<uint64_t>(seed->as_int())) : std::nullopt;
} catch (const Error&) {
  return std::nullopt;
}

}  // namespace

RunFolder::RunFolder(const config::RunConfig& config, bool overwrite, const Processes& processes)
    : processes_(processes),
      overwrite_(overwrite),
      resume_(overwrite ? ResumeFrom::nothing : config.resume),
      path_(config.work_dir) {
  const distributed::Group& group = processes.group();
  if (group.rank() == 0) take(config);
  if (group.world() == 1) return;
  const std::string chosen = distributed::broadcast_text(group, checkpoint_ ? checkpoint_->path() : "");
  if (chosen.empty()) return;
  changes_course_ = !distributed::broadcast_text(group, changes_course_ ? "so" : "").empty();
  if (group.rank() != 0) open(chosen);
  std::string digests;
  for (const checkpoint::FileRecord& file : checkpoint_->manifest().files) digests += file.sha256 + "\n";
  processes.agree({{"the checkpoint that they go on from", digests}});
}

// On another rank than the first.
void RunFolder::open(const std::string& chosen) {
  try {
    checkpoint_.emplace(chosen);
  } catch (const Error& error) {
    throw Error(error.exit(), fmt::format("rank {} cannot take the checkpoint that rank 0 goes on from: {}. The work "
                                          "folder must be on a file system that all machines share",
                                          processes_.group().rank(), error.what()));
  }
}

void RunFolder::take(const config::RunConfig& config) {
  dir_.emplace(path_, overwrite_ || resume_ != ResumeFrom::nothing ? IfUsed::accept : IfUsed::refuse);
  const int keep = config.checkpoint.keep;
  if (!overwrite_)
    dir_->require_regular({"config.json", bad_files_name, "report.html", "curve.svg", "reconstruction.png",
                           "neighbours.png", "views.png", ".renames"},
                          {"run.log", "metrics.jsonl"});
  if (!overwrite_ && config.tensorboard) dir_->require_folder("vis_data");
  store_.emplace(dir_->checkpoints(), keep, [this] { require_ours(); });
  // What is to be overwritten is moved away, whatever it is.
  overwrite_ ? checkpoint::CheckpointStore(path_ + "/.checkpoints", keep).probe() : store_->probe();
  if (resume_ == ResumeFrom::path) {
    checkpoint_.emplace(config.resume_path);
  } else if (resume_ == ResumeFrom::newest) {
    if (checkpoint::holds_checkpoints(dir_->checkpoints())) open_log();  // which of them are damaged belongs there
    checkpoint_ = store_->newest_valid();
  }
  changes_course_ = checkpoint_ && store_->go_on_from(checkpoint_->manifest());
}

std::optional<uint64_t> RunFolder::earlier_seed() const {
  if (checkpoint_) return checkpoint_->manifest().seed;
  return resume_ == ResumeFrom::nothing ? std::nullopt : seed_in(path() + "/config.json");
}

std::vector<data::BadFile> RunFolder::known_bad() const {
  if (!checkpoint_ || !checkpoint_->has(bad_files_name)) return {};
  return parse_bad_files(checkpoint_->blob(bad_files_name), checkpoint_->path());
}

void RunFolder::open_log() {
  if (std::exchange(logging_, true)) return;
  open_log_file(path() + "/run.log");
  log_info(processes_.head());
}

void RunFolder::begin(const Json& config) {
  if (!dir_) return;
  dir_->keep();
  const std::string old = overwrite_ ? dir_->move_aside() : "";
  open_log();
  if (!old.empty()) log_info(fmt::format("the run that was here is now in {}", old));
  if (changes_course_) {
    checkpoint::make_folders(files());
    log_info(
        fmt::format("{} has later checkpoints than {}: until the first save all stays as it is, and this run's "
                    "files are in {}",
                    dir_->checkpoints(), checkpoint_->path(), files()));
  }
  checkpoint::write_file(files() + "/config.json", to_text(whole(config), 2) + "\n");
}

void RunFolder::require_ours() {
  plugin::restore_surroundings();  // paths begin in the working folder, and what is made has its mode
  if (!dir_) return;
  try {
    dir_->require_ours();
  } catch (const Error& error) {
    if (error.exit() == Exit::usage && !std::exchange(lost_, true)) close_log_file();
    throw;
  }
}

void RunFolder::list_bad_files(const std::vector<data::BadFile>& bad) {
  if (!dir_) return;
  require_ours();
  try {
    write_bad_files(files(), bad);
  } catch (const Error& error) {
    log_warning(error.what());
  }
}

}  // namespace selfsup::run
