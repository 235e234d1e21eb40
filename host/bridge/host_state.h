// The state of one host, to which its table, handles, operators, calls and builds lead. For its main thread alone,
// which is symbolic: whichever crosses into a plugin, one at a time.
#pragma once
#include <ATen/core/stack.h>

#include <fmt/format.h>

#include <string>

#include "bridge/declared.h"
#include "bridge/fused_use.h"
#include "bridge/host.h"
#include "bridge/key_set.h"
#include "bridge/operators/generators.h"
#include "bridge/operators/handles.h"
#include "bridge/operators/int_lists.h"
#include "bridge/operators/modes.h"
#include "bridge/operators/operator.h"
#include "bridge/status.h"
#include "bridge/tokens.h"
#include "distributed/single_process.h"

namespace selfsup::bridge {

class BatchTable;
struct Build;
struct Call;
struct Instance;
class Sink;

// What the main thread is doing: decides which table functions may be called.
enum class Phase {
  idle,       // none of the below
  describe,   // schema, defaults, names: facts only
  configure,  // create of a transform: configuration and facts
  create,     // operators, parameters, configuration, registry
  call,       // operators, call, rng, dist
  destroy     // release only
};

struct HostState : ssp_host {
  HostState();
  ~HostState();
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  Handles& handles;  // the thread that they call the main one is this host's
  Environment environment;
  const distributed::Group& group() const { return environment.group ? *environment.group : alone; }
  Phase phase = Phase::idle;
  Instance* current = nullptr;  // whose code runs
  bool has_gradients = false;   // SSP_EVENT_GRADIENTS is in progress, until its call ends
  bool only_looks = false;      // features, reconstruct or save_state is in progress: the run goes on as if it were not

  // Alive. Calls: the root and its forks.
  Tokens<Build> builds;
  Tokens<Call> calls;
  Tokens<Instance> instances;
  Tokens<BatchTable> batches;
  Tokens<Sink> sinks;

  Declared declared;
  Operators operators;
  modes::Stack modes;
  Generators generators;
  FusedUse fused_use;
  KeySet drawn;  // by the per-step call in progress
  IntLists int_lists;
  const distributed::SingleProcess alone;
  std::vector<c10::IValue> stack;  // reused by every call of an operator
};

// The host of a plugin's pointer. Failure(SSP_E_ARGUMENT) when it is null or none that is alive.
HostState& host_of(const ssp_host* host);
// By the number in a token; null when no such host is alive.
HostState* host_by_number(uint32_t number);
// Of the host that gave the handle; Failure(SSP_E_HANDLE), or SSP_E_PRECONDITION once that host has shut down.
HostState& host_of(ssp_tensor handle);

// Failures for what comes at the wrong time or on the wrong thread. The thread is asked first: what else is in a host's
// state, other threads must not read.
void require_main(const HostState& host, const char* text);            // on the thread of the crossing in progress
void require_init();                                                   // in a plugin's init
void require_operators(const HostState& host);                         // in create or a call, on the main thread
void require_values(const HostState& host, const at::Tensor& tensor);  // not in the create that declared it

// The object behind a number that a plugin holds; what: "ssp_call". Failure(SSP_E_PRECONDITION) when it is not alive,
// or on another thread.
template <class T>
T& alive(Tokens<T> HostState::*kind, const void* token, const char* what) {
  if (!token) fail(SSP_E_ARGUMENT, fmt::format("the {} is null", what));
  const HostState* host = host_by_number(host_number(token));
  if (host && !host->handles.on_main_thread())
    fail(SSP_E_PRECONDITION,
         fmt::format("the {} is for the thread of the callback that got it; this is another", what));
  if (T* found = host ? (host->*kind).find(token) : nullptr) return *found;
  fail(SSP_E_PRECONDITION,
       fmt::format("this {} is not alive: it is for the callback that got it, and is not to be kept", what));
}
enum class Needs { facts, configuration, session };
Build& checked(ssp_build* build, Needs needs = Needs::session);
Call& checked(const ssp_call* call);

}  // namespace selfsup::bridge
