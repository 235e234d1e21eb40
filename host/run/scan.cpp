#include "run/scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/log.h"
#include "base/parallel.h"
#include "checkpoint/work_dir.h"
#include "config/threads.h"
#include "data/datasets/dataset.h"
#include "data/loader/bad_report.h"
#include "report/progress.h"
#include "run/bad_files.h"
#include "run/data.h"
#include "train/signals.h"

namespace selfsup::run {
namespace {

using Clock = std::chrono::steady_clock;

class SetScan {
 public:
  SetScan(std::string key, const data::Dataset& dataset, double max_bad_fraction)
      : key_(std::move(key)), dataset_(dataset), report_(dataset.size(), max_bad_fraction) {}

  // All of it, or up to a stop, whose code is returned.
  std::optional<Exit> run() {
    struct Stopped {
      Exit code;
    };
    std::optional<Exit> stop;
    try {
      parallel_for(
          dataset_.size(), config::allowed_cores(), [this](int64_t i) { read(i); },
          [this](int64_t done) {
            tell(done);
            if (const auto asked = train::requested_stop()) throw Stopped{*asked};
          });
    } catch (const Stopped& stopped) {
      stop = stopped.code;
    }
    std::ranges::sort(report_.files, {}, &data::BadFile::index);
    log_info(fmt::format("{}: {} of {} images read, {} of them cannot be used", key_, read_, dataset_.size(),
                         report_.files.size()));
    return stop;
  }

  const std::string& key() const { return key_; }
  const data::BadReport& report() const { return report_; }

 private:
  void read(int64_t i) {
    thread_local data::Image image;
    std::optional<data::BadFile> bad;
    try {
      dataset_.load(i, image);
    } catch (const data::BadImage& reason) {
      bad = {i, dataset_.describe(i), reason.what()};
    }
    const std::lock_guard lock(mutex_);
    ++read_;
    if (bad) report_.files.push_back(std::move(*bad));
  }

  // For a terminal at once, for a log now and then.
  void tell(int64_t done) {
    constexpr std::chrono::seconds kBetweenLines{30};
    size_t bad = 0;
    {
      const std::lock_guard lock(mutex_);
      bad = report_.files.size();
    }
    const std::string note = fmt::format("{} bad", bad);
    bar_.update(done, dataset_.size(), key_, note);
    if (Clock::now() - told_ < kBetweenLines) return;
    told_ = Clock::now();
    log_info(fmt::format("{}: {} of {} images read, {}", key_, done, dataset_.size(), note));
  }

  const std::string key_;
  const data::Dataset& dataset_;
  report::Progress bar_;
  Clock::time_point told_ = Clock::now();
  std::mutex mutex_;  // guards what follows
  int64_t read_ = 0;
  data::BadReport report_;
};

}  // namespace

void scan_images(const config::RunConfig& config) {
  // Held to the end: a list that a run is about to write is not to be replaced. Made and left empty, it goes again.
  checkpoint::WorkDir folder(config.work_dir, checkpoint::IfUsed::accept);
  const train::StopSignals signals;
  std::vector<std::pair<std::string, Json>> sets = {{"train_dataloader.dataset", config.data.dataset}};
  if (config.probe) {
    sets.emplace_back("probe.dataset", config.probe->dataset);
    sets.emplace_back("probe.test_dataset", config.probe->test_dataset);
  }
  std::vector<data::BadFile> bad;
  std::optional<Error> error;
  std::optional<Exit> stop;
  for (const auto& [key, spec] : sets) {
    const auto dataset = data::make_dataset(spec, reading_of(config));
    SetScan scan(key, *dataset, config.data.max_bad_fraction);
    stop = scan.run();
    const data::BadReport& report = scan.report();
    bad.insert(bad.end(), report.files.begin(), report.files.end());
    if (report.too_many() && !error)
      error.emplace(report.error().exit(), fmt::format("{}: {}", key, report.error().what()));
    if (stop) break;
  }
  folder.require_ours();
  write_bad_files(config.work_dir, bad);
  if (stop) throw Error(*stop, "the scan was stopped before all images had been read");
  if (error) throw Error(*error);
}

}  // namespace selfsup::run
