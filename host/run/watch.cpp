#include "run/watch.h"

#include <fmt/format.h>

#include "base/log.h"
#include "checkpoint/file.h"
#include "launch/commits.h"
#include "plugin/surroundings.h"
#include "train/signals.h"
#include "train/state.h"

namespace selfsup::run {

namespace {

std::string begun_metrics(const Training& training, const RunFolder& folder) {
  const std::string path = folder.files() + "/metrics.jsonl";
  report::begin_metrics(folder.path() + "/metrics.jsonl", path, training.course.at().iter,
                        training.evaluates_at_start());
  return path;
}

}  // namespace

Watch::Watch(Training& training, RunFolder& folder, Album& album, checkpoint::Manifest manifest)
    : training_(training),
      folder_(folder),
      album_(album),
      manifest_(std::move(manifest)),
      first_(training.group.rank() == 0) {
  if (!first_) return;
  metrics_.emplace(begun_metrics(training, folder));
  if (!training.config.tensorboard) return;
  const std::string events = folder.files() + "/vis_data";
  checkpoint::make_folders(events);
  events_.emplace(events, training.course.at().iter, folder.path() + "/vis_data");
}

Watch::~Watch() {
  if (!first_) return;
  if (const uint64_t lines = dropped_log_lines() + metrics_->dropped())
    log_warning(fmt::format("{} lines of run.log and metrics.jsonl could not be written", lines));
  if (const uint64_t lines = events_ ? events_->dropped() : 0)
    log_warning(fmt::format("{} events for TensorBoard could not be written", lines));
}

void Watch::log(report::TrainPoint point) {
  training_.bad_files.hear_of(point.bad_files);
  folder_.require_ours();
  if (!first_) return;
  point.memory_mib = training_.device.peak_memory_mib().value_or(report::peak_memory_mib());
  log_info(report::train_line(point));
  write(report::metrics_object(point), point.iter);
  note_ = fmt::format("eta {}", report::duration_text(point.eta_seconds));
  for (const auto& [name, value] : point.scalars)
    if (name == "loss") note_ += fmt::format("  loss {:.4f}", value);
}

void Watch::progress(const train::Position& at, int64_t max_iters) {
  require_fused(training_.config.fused, training_.host.fused_calls());
  if (!first_) return;
  const int64_t epoch = at.iter_in_epoch == 0 ? at.epoch : at.epoch + 1;  // the one of the iteration just done
  const bool by_epoch = training_.config.length.by_epoch;
  progress_.update(at.iter, max_iters, by_epoch ? fmt::format("epoch {}", epoch) : "train", note_);
}

std::string Watch::save(const std::string& name, const train::Position& at) {
  plugin::restore_surroundings();
  training_.share_buffers();
  const std::string path = train::save(training_.keepers, training_.group, folder_.store(), name, at, manifest_);
  if (first_) {
    log_info(fmt::format("saved {}", path));
    launch::tell_commit();
  }
  return path;
}

void Watch::evaluate(const bridge::Step& step) {
  training_.with_shared_buffers([&] { training_.evaluation->run(step, report(step)); });
}

std::vector<std::function<void()>> Watch::closing(const bridge::Step& step) {
  std::vector<std::function<void()>> works = training_.evaluation->closing(step, report(step));
  for (auto& work : works) work = [this, work] { training_.with_shared_buffers(work); };
  for (auto& picture : album_.pictures(step)) works.push_back(std::move(picture));
  return works;
}

evaluate::Report Watch::report(const bridge::Step& step) {
  return [this, step](const std::string& line, const report::Scalars& numbers) {
    folder_.require_ours();
    log_info(line);
    if (numbers.empty()) return album_.add_table(line);
    Json object = Json::object();
    for (const auto& [name, value] : numbers) object.set(name, value);
    object.set("epoch", static_cast<int64_t>(step.epoch));
    object.set("iter", static_cast<int64_t>(step.iter));
    object.set("step", static_cast<int64_t>(step.iter));
    write(object, static_cast<int64_t>(step.iter));
  };
}

void Watch::write(const Json& numbers, int64_t step) {
  metrics_->write(numbers);
  if (events_) events_->write(numbers, step);
}

std::optional<Exit> Watch::stop_requested() {
  if (const auto asked = train::requested_stop()) return asked;
  return training_.bad_files.too_many() ? std::optional(Exit::data) : std::nullopt;
}

}  // namespace selfsup::run
