// The loop's outside: log lines, metrics, progress, checkpoints, probes, and the wish to stop. Knows no mathematics.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "checkpoint/store.h"
#include "device/device.h"
#include "evaluate/evaluation.h"
#include "report/metrics.h"
#include "report/progress.h"
#include "train/loop.h"
#include "train/signals.h"
#include "train/state.h"

namespace selfsup::run {

class Watch final : public train::Outside {
 public:
  struct Parts {
    train::RunState& state;
    checkpoint::CheckpointStore& store;
    checkpoint::Manifest manifest;  // all but the counters
    evaluate::Evaluation& evaluation;
    const data::Loader& loader;
    const device::Device& device;
    const train::StopSignals& signals;
    std::function<void()> begin_folder;  // once nothing that can be known beforehand is wrong
    std::string metrics_path;            // opened after that
    bool by_epoch;
  };
  explicit Watch(Parts parts);
  ~Watch() override;  // says how many lines a full disk has cost

  void begin() override;
  void log(const report::TrainPoint& point) override;
  void progress(const train::Position& at, int64_t max_iters) override;
  std::string save(const std::string& name, const train::Position& at) override;
  void evaluate(const train::Position& at) override;
  int64_t memory_mib() override { return parts_.device.peak_memory_mib().value_or(Outside::memory_mib()); }
  std::optional<Exit> stop_requested() override { return parts_.signals.requested(); }

 private:
  Parts parts_;
  std::optional<report::MetricsFile> metrics_;
  report::Progress progress_;
  std::string note_;
};

}  // namespace selfsup::run
