#include "run/watch.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "base/log.h"
#include "evaluate/reconstruction.h"
#include "train/signals.h"
#include "train/state.h"

namespace selfsup::run {

namespace {

std::string begun_metrics(const Training& training, const RunFolder& folder) {
  const std::string path = folder.path() + "/metrics.jsonl";
  report::cut_metrics(path, training.course.at().iter, training.evaluates_at_start());
  return path;
}

}  // namespace

Watch::Watch(Training& training, RunFolder& folder, checkpoint::Manifest manifest)
    : training_(training), folder_(folder), manifest_(std::move(manifest)), metrics_(begun_metrics(training, folder)) {}

Watch::~Watch() {
  if (const uint64_t lines = dropped_log_lines() + metrics_.dropped())
    log_warning(fmt::format("{} lines of run.log and metrics.jsonl could not be written", lines));
}

void Watch::log(report::TrainPoint point) {
  point.memory_mib = training_.device.peak_memory_mib().value_or(report::peak_memory_mib());
  log_info(report::train_line(point));
  metrics_.write(report::metrics_object(point));
  note_ = fmt::format("eta {}", report::duration_text(point.eta_seconds));
  for (const auto& [name, value] : point.scalars)
    if (name == "loss") note_ += fmt::format("  loss {:.4f}", value);
}

void Watch::progress(const train::Position& at, int64_t max_iters) {
  const int64_t epoch = at.iter_in_epoch == 0 ? at.epoch : at.epoch + 1;  // the one of the iteration just done
  const bool by_epoch = training_.config.length.by_epoch;
  progress_.update(at.iter, max_iters, by_epoch ? fmt::format("epoch {}", epoch) : "train", note_);
}

std::string Watch::save(const std::string& name, const train::Position& at) {
  const std::string path = train::save(training_.keepers, folder_.store(), name, at, manifest_);
  log_info(fmt::format("saved {}", path));
  return path;
}

void Watch::evaluate(const bridge::Step& step) { training_.evaluation->run(step, report(step)); }

std::vector<std::function<void()>> Watch::closing(const bridge::Step& step) {
  std::vector<std::function<void()>> works = training_.evaluation->closing(step, report(step));
  works.emplace_back([this, step] { draw(step); });
  return works;
}

// A picture that fails does not end the run that it is of.
void Watch::draw(const bridge::Step& step) try {
  const std::string path =
      evaluate::draw_reconstruction(training_.model.algorithm, training_.model.preprocess, *training_.data.dataset,
                                    training_.data.pipeline, training_.seed, step, folder_.path());
  if (!path.empty()) log_info(fmt::format("drew {}", path));
} catch (const c10::Error& error) {
  log_warning(fmt::format("no picture was drawn: {}", error.what_without_backtrace()));
} catch (const std::exception& error) {
  log_warning(fmt::format("no picture was drawn: {}", error.what()));
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
    metrics_.write(object);
  };
}

std::optional<Exit> Watch::stop_requested() { return train::requested_stop(); }

}  // namespace selfsup::run
