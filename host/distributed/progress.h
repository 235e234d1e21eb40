// What a rank is doing just now, as it tells those who watch it. Knows no plugin and no other rank.
#pragma once
#include <atomic>
#include <cstdint>

namespace selfsup::distributed {

// In the order in which a rank passes through them while it has done a number of iterations: what follows an iteration
// comes before the next one's batch.
enum class Phase : int {
  setup,
  ready,  // as others of their name below: an event of the algorithm, whose code runs
  updated,
  epoch_end,
  log,
  save,
  over,
  evaluate,
  epoch_begin,
  data,
  forward,
  backward,
  gradients,
  update,
  end
};
const char* name_of(Phase phase);  // "waiting for data", "the forward pass", "the algorithm's event UPDATED", …

// Written by the training thread, a few nanoseconds a call; read by any.
class Progress {
 public:
  void enter(Phase phase, int64_t iter) {
    iter_.store(iter, std::memory_order_relaxed);
    phase_.store(phase, std::memory_order_relaxed);
    count_.fetch_add(1, std::memory_order_release);
  }
  struct Seen {
    uint64_t count;  // how often a phase has been entered
    Phase phase;
    int64_t iter;  // iterations done
  };
  Seen seen() const {
    const uint64_t count = count_.load(std::memory_order_acquire);
    return {count, phase_.load(std::memory_order_relaxed), iter_.load(std::memory_order_relaxed)};
  }

 private:
  std::atomic<uint64_t> count_{0};
  std::atomic<Phase> phase_{Phase::setup};
  std::atomic<int64_t> iter_{0};
};

}  // namespace selfsup::distributed
