#include "distributed/monitor.h"

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <utility>

#include "distributed/monitor_threads.h"

namespace selfsup::distributed {
namespace {

// Longer than a job is suspended for: who does not answer is found by the monitor's own clock.
constexpr std::chrono::hours kPatience{240};

}  // namespace

struct Monitor::State {
  MonitorThreads threads;
};

Monitor::Monitor(const Rendezvous& rendezvous, const launch::Ranks& ranks, const Progress& progress,
                 const Limits& limits, std::function<void(const std::string& text)> on_verdict)
    : state_(new State{{[&rendezvous] { return rendezvous.store("monitor", kPatience); }, ranks.rank, ranks.world,
                        progress, limits, std::move(on_verdict)}}) {}

Monitor::~Monitor() = default;

void Monitor::tell_failure(Exit exit, const std::string& text) noexcept { state_->threads.tell_failure(exit, text); }

Error Monitor::blame(const std::string& what) noexcept { return state_->threads.blame(what); }

}  // namespace selfsup::distributed
