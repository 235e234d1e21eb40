// The loop's outside: log lines, metrics, progress, checkpoints, evaluations, and the wish to stop. The first rank does
// all of it; the others give what they have to checkpoints and evaluations. Knows no mathematics and no picture.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/store.h"
#include "report/events.h"
#include "report/metrics.h"
#include "report/progress.h"
#include "run/album.h"
#include "run/run_folder.h"
#include "run/training.h"

namespace selfsup::run {

class Watch final : public train::Outside {
 public:
  // The folder has begun. manifest: all but the counters. The run's metrics.jsonl is cut back to where the run begins.
  Watch(Training& training, RunFolder& folder, Album& album, checkpoint::Manifest manifest);
  ~Watch() override;  // says how many lines a full disk has cost

  void log(report::TrainPoint point) override;
  void progress(const train::Position& at, int64_t max_iters) override;
  std::string save(const std::string& name, const train::Position& at) override;
  void evaluate(const bridge::Step& step) override;
  std::vector<std::function<void()>> closing(const bridge::Step& step) override;
  std::optional<Exit> stop_requested() override;

 private:
  evaluate::Report report(const bridge::Step& step);
  void write(const Json& numbers, int64_t step);

  Training& training_;
  RunFolder& folder_;
  Album& album_;
  checkpoint::Manifest manifest_;
  bool first_;
  std::optional<report::MetricsFile> metrics_;
  std::optional<report::EventFile> events_;  // for TensorBoard, if the run wants it
  report::Progress progress_;
  std::string note_;
};

}  // namespace selfsup::run
