#include "run/watch.h"

#include <fmt/format.h>

#include "base/log.h"
#include "train/signals.h"
#include "train/state.h"

namespace selfsup::run {

Watch::Watch(Parts parts) : parts_(std::move(parts)) {}

Watch::~Watch() {
  if (const uint64_t lines = dropped_log_lines() + (metrics_ ? metrics_->dropped() : 0))
    log_warning(fmt::format("{} lines of run.log and metrics.jsonl could not be written", lines));
}

void Watch::begin(const bridge::Step& step) {
  parts_.training.evaluation->rehearse(step);
  parts_.begin_folder();
  metrics_.emplace(parts_.metrics_path);
}

void Watch::log(const report::TrainPoint& point) {
  log_info(report::train_line(point));
  metrics_->write(report::metrics_object(point));
  note_ = fmt::format("eta {}", report::duration_text(point.eta_seconds));
  for (const auto& [name, value] : point.scalars)
    if (name == "loss") note_ += fmt::format("  loss {:.4f}", value);
}

void Watch::progress(const train::Position& at, int64_t max_iters) {
  const int64_t epoch = at.iter_in_epoch == 0 ? at.epoch : at.epoch + 1;  // the one of the iteration just done
  const bool by_epoch = parts_.training.config.length.by_epoch;
  progress_.update(at.iter, max_iters, by_epoch ? fmt::format("epoch {}", epoch) : "train", note_);
}

std::string Watch::save(const std::string& name, const train::Position& at) {
  const std::string path = train::save(parts_.training.keepers, parts_.store, name, at, parts_.manifest);
  log_info(fmt::format("saved {}", path));
  return path;
}

void Watch::evaluate(const bridge::Step& step) { parts_.training.evaluation->run(step, report(step)); }

std::vector<std::function<void()>> Watch::closing(const bridge::Step& step) {
  return parts_.training.evaluation->closing(step, report(step));
}

evaluate::Report Watch::report(const bridge::Step& step) {
  return [this, step](const std::string& line, const report::Scalars& numbers) {
    log_info(line);
    if (numbers.empty()) return;
    Json object = Json::object();
    for (const auto& [name, value] : numbers) object.set(name, value);
    object.set("epoch", static_cast<int64_t>(step.epoch));
    object.set("iter", static_cast<int64_t>(step.iter));
    object.set("step", static_cast<int64_t>(step.iter));
    metrics_->write(object);
  };
}

int64_t Watch::memory_mib() { return parts_.training.device.peak_memory_mib().value_or(Outside::memory_mib()); }

std::optional<Exit> Watch::stop_requested() { return train::requested_stop(); }

}  // namespace selfsup::run
