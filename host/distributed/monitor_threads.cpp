#include "distributed/monitor_threads.h"

#include <fmt/format.h>
#include <pthread.h>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <mutex>
#include <utility>

#include "distributed/monitor_guard.h"
#include "distributed/monitor_shared.h"
#include "distributed/monitor_talker.h"

namespace selfsup::distributed {
namespace {

constexpr int kBlame = 4;  // beats in which a rank looks for who is to blame

}  // namespace

MonitorThreads::MonitorThreads(Connect connect, int rank, int world, const Progress& progress, const Limits& limits,
                               std::function<void(const std::string& text)> on_verdict)
    : shared_(
          std::make_shared<MonitorShared>(std::move(connect), rank, world, progress, limits, std::move(on_verdict))) {
  talker_ = std::thread([shared = shared_] {
    ::pthread_setname_np(::pthread_self(), "monitor-talk");
    MonitorTalker(shared).run();
  });
  guard_ = std::thread([shared = shared_] {
    ::pthread_setname_np(::pthread_self(), "monitor-guard");
    MonitorGuard(shared).run();
  });
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait_for(lock, limits.silent, [this] { return shared_->connected || shared_->talker_gone; });
}

MonitorThreads::~MonitorThreads() {
  MonitorShared& shared = *shared_;
  bool joins = false;
  {
    std::unique_lock lock(shared.mutex);
    const Limits& limits = shared.limits;
    shared.parting = true;
    if (shared.is_zero() && shared.standing != Standing::failing) {
      // Its store is theirs: rank 0 is the last to go.
      shared.changed.wait_for(lock, limits.silent,
                              [&shared] { return shared.others_need_nobody || shared.verdict || shared.talker_gone; });
    }
    if (shared.standing != Standing::failing) shared.standing = Standing::parted;
    shared.rouse();
    shared.changed.wait_for(lock, kLastWords * limits.beat, [&shared] {
      const bool told = shared.published == shared.standing && (!shared.is_zero() || shared.others_need_nobody);
      return told || shared.talker_gone;
    });
    shared.progress = nullptr;
    shared.changed.notify_all();
    shared.ends.wake();
    joins = shared.changed.wait_for(lock, limits.beat, [&shared] { return shared.talker_gone; });
  }
  guard_.join();
  if (joins) {
    talker_.join();
  } else {
    talker_.detach();  // it hangs in a store that does not answer
  }
}

void MonitorThreads::tell_failure(Exit exit, const std::string& text) noexcept {
  MonitorShared& shared = *shared_;
  std::unique_lock lock(shared.mutex);
  if (shared.standing == Standing::failing) return;
  shared.standing = Standing::failing;
  if (!shared.verdict)
    shared.telling =
        Verdict{Fault::failed, shared.who.rank, exit,
                fmt::format("{} failed: {} (exit code {})", name_of(shared.who), text, static_cast<int>(exit))};
  shared.rouse();
  shared.changed.wait_for(lock, 2 * shared.limits.beat,
                          [&shared] { return shared.published == Standing::failing || shared.talker_gone; });
}

Error MonitorThreads::blame(const std::string& what) noexcept {
  MonitorShared& shared = *shared_;
  std::unique_lock lock(shared.mutex);
  if (shared.standing == Standing::running) shared.standing = Standing::suspects;
  shared.rouse();
  shared.changed.wait_for(lock, kBlame * shared.limits.beat,
                          [&shared] { return shared.verdict || shared.talker_gone; });
  if (shared.verdict) return {Exit::peer, shared.verdict->text};
  const char* signs = shared.talker_gone ? "" : "; all ranks still give signs of life";
  return {Exit::peer, fmt::format("{}: {}{}", name_of(shared.who), what, signs)};
}

}  // namespace selfsup::distributed
