// The state of the one active host: C tables carry no host pointer, so it is the process's. Owner thread only.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bridge/components/algorithm.h"

namespace selfsup::bridge {

struct Instance;

// What this thread is doing: decides which table functions may be called.
enum class Phase {
  idle,       // none of the below
  describe,   // schema, defaults: facts only
  configure,  // create of a transform: configuration and facts
  create,     // operators, parameters, configuration, registry
  call,       // operators, call, rng, dist
  destroy     // release only
};

struct Active {
  bool open = false;
  Environment environment;
  Phase phase = Phase::idle;
  Instance* current = nullptr;  // whose code runs
  bool strict = false;          // an imbalance of grad mode or autocast is an error, not a warning

  std::unordered_set<const ssp_build*> builds;  // alive
  std::vector<const ssp_call*> calls;           // alive: the root and its forks

  // Declared in the create in progress, with their names: they have no values yet.
  std::unordered_map<const c10::TensorImpl*, std::string> declared;

  // Trained parameters, for the autocast cache; storages are looked up anew in each step, since they may move.
  std::vector<at::Tensor> trained;
  std::unordered_set<const c10::StorageImpl*> trained_storages;
  bool storages_known = false;
};

Active& active();

// Failures for what comes at the wrong time or on the wrong thread. The thread is asked first: what else is here, other
// threads must not read.
void require_owner(const char* text);           // the main thread of a running host
void require_init();                            // in a plugin's init
void require_operators();                       // in create or a call, on the owner thread
void require_values(const at::Tensor& tensor);  // not in the create that declared it
enum class Needs { facts, configuration, session };
ssp_build& checked(ssp_build* build, Needs needs = Needs::session);
ssp_call& checked(const ssp_call* call);

// True if changing this tensor in place changes a trained parameter.
bool aliases_trained(const at::Tensor& tensor);

}  // namespace selfsup::bridge
