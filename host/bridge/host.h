// A host as the rooms above see it: the table that plugins get, and where the run takes place. Several may live in one
// process, each with its own registry, store, components and handles. Hides every C table.
#pragma once
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "ssp/entry.h"

namespace selfsup::distributed {
class Group;
}

namespace selfsup::bridge {

struct HostState;

struct Environment {
  uint64_t seed = 0;
  const distributed::Group* group = nullptr;  // outlives every call and its backward; null: one process
  at::Device device = at::kCPU;
  std::optional<at::ScalarType> autocast = {};  // what the run's mixed precision computes in; none: it has none
  bool sync_batch_norm = false;                 // batch norms that leave it to the run are over the rows of all ranks
  bool fused = false;                           // halves of blocks run as one where there are kernels for it (ssp.nn)
  std::function<bool()> stop_requested = {};    // the run has been asked to stop; empty: it cannot be
};

// Declare it before the registry, so that it dies after it.
class Host {
 public:
  Host();
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  const ssp_host* table() const;
  void set_environment(const Environment& environment);
  int64_t live_handles() const;
  int64_t fused_calls() const;                  // of ssp.nn that ran as one
  HostState& state() const { return *state_; }  // of this room

 private:
  std::unique_ptr<HostState> state_;
};

}  // namespace selfsup::bridge
