// The components of one algorithm and how they came to be: instances, the order of creation. Main thread.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/components/algorithm.h"
#include "ssp/abi.h"

namespace selfsup::bridge {

struct HostState;

// A component that a plugin made.
struct Instance {
  HostState* host = nullptr;
  const plugin::Component* component = nullptr;
  ssp_component self = nullptr;   // the plugin's own
  ssp_component token = nullptr;  // what requesters get in its place, once it is alive
  std::string path;               // its parameters' prefix; "" for the algorithm
  std::string label;              // "backbone (NAME of PLUGIN)"
  const char* plugin = "";        // id, of the registry
  uint64_t key = 0;               // of random streams
  int64_t references = 0;         // to tensor handles, taken and not dropped on the main thread
  bool unbalanced = false;        // it has been said that modes were not put back
  const Json* node = nullptr;     // its configuration while it is being created

  template <class Table>
  const Table& table() const {
    return *static_cast<const Table*>(component->table);
  }
};

// place: where the component stands, "backbone"; or its kind, while it stands nowhere.
Instance instance_of(const plugin::Component& component, std::string_view place);

struct Session {
  HostState& host;
  const plugin::Registry& registry;
  const Facts& facts;
  model::ParameterStore& store;
  std::vector<std::unique_ptr<Instance>> instances = {};  // in order of completion: destroyed from the back
  std::vector<Instance*> creating = {};                   // the innermost last
};

// The instance that a requester's handle stands for; Failure(SSP_E_ARGUMENT) for another pointer,
// Failure(SSP_E_PRECONDITION) on another thread.
Instance& checked_instance(ssp_component component, std::string_view kind);

// Failure when the call is not alive, or is of another host than the component.
void require_same_host(const Instance& who, const ssp_call* call);

// "encoder_k.backbone" + "cls_token"
std::string join_names(std::string_view prefix, std::string_view name);

std::string_view view(ssp_str text);
ssp_str borrow(std::string_view text);

}  // namespace selfsup::bridge
