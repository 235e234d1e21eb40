#include "run/watch.h"

#include <fmt/format.h>

#include "base/log.h"
#include "run/bad_files.h"

namespace selfsup::run {

Watch::Watch(Parts parts) : parts_(std::move(parts)) {}

Watch::~Watch() {
  if (const uint64_t lines = dropped_log_lines() + (metrics_ ? metrics_->dropped() : 0))
    log_warning(fmt::format("{} lines of run.log and metrics.jsonl could not be written", lines));
}

void Watch::begin() {
  parts_.evaluation.rehearse();
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
  const std::string label = parts_.by_epoch ? fmt::format("epoch {}", epoch) : "train";
  progress_.update(at.iter, max_iters, label, note_);
}

std::string Watch::save(const std::string& name, const train::Position& at) {
  const std::string bad = bad_files_text(parts_.loader.bad().files);
  std::vector<checkpoint::BlobFile> blobs;
  if (!bad.empty()) blobs.push_back({bad_files_name, bad});
  const std::string path = parts_.state.save(parts_.store, name, at, parts_.manifest, std::move(blobs));
  log_info(fmt::format("saved {}", path));
  return path;
}

void Watch::evaluate(const train::Position& at) {
  const evaluate::ProbeResult result = parts_.evaluation.probe();
  const evaluate::Gauges gauges = result.gauges.value();
  log_info(fmt::format("Probe [{}]  kNN: {:.2f} %  linear probe: {:.2f} %  feature std: {:.3f}  effective rank: {:.1f}",
                       at.iter, 100 * result.knn, 100 * result.linear, gauges.feature_std, gauges.effective_rank));
  Json object = Json::object();
  object.set("probe/knn", result.knn);
  object.set("probe/linear", result.linear);
  object.set("probe/feature_std", gauges.feature_std);
  object.set("probe/effective_rank", gauges.effective_rank);
  object.set("epoch", at.epoch);
  object.set("iter", at.iter);
  object.set("step", at.iter);
  metrics_->write(object);
}

}  // namespace selfsup::run
