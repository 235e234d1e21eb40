// The loop's outside: log lines, metrics, progress, checkpoints, evaluations, and the wish to stop. Knows no
// mathematics.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "checkpoint/store.h"
#include "report/metrics.h"
#include "report/progress.h"
#include "run/training.h"

namespace selfsup::run {

class Watch final : public train::Outside {
 public:
  struct Parts {
    Training& training;
    checkpoint::CheckpointStore& store;
    checkpoint::Manifest manifest;       // all but the counters
    std::function<void()> begin_folder;  // once nothing that can be known beforehand is wrong
    std::string metrics_path;            // opened after that
  };
  explicit Watch(Parts parts);
  ~Watch() override;  // says how many lines a full disk has cost

  void begin(const bridge::Step& step) override;
  void log(const report::TrainPoint& point) override;
  void progress(const train::Position& at, int64_t max_iters) override;
  std::string save(const std::string& name, const train::Position& at) override;
  void evaluate(const bridge::Step& step) override;
  int64_t memory_mib() override;
  std::optional<Exit> stop_requested() override;

  // What the end of the run is judged by, to be called one after the other.
  std::vector<std::function<void()>> closing(const bridge::Step& step);

 private:
  evaluate::Report report(const bridge::Step& step);

  Parts parts_;
  std::optional<report::MetricsFile> metrics_;
  report::Progress progress_;
  std::string note_;
};

}  // namespace selfsup::run
