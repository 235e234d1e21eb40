// The components of one algorithm and how they came to be: instances, build objects, the order of creation. Owner
// thread.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/components/algorithm.h"
#include "ssp/abi.h"

namespace selfsup::bridge {

// A component that a plugin made.
struct Instance {
  const plugin::Component* component = nullptr;
  ssp_component self = nullptr;
  std::string path;            // its parameters' prefix; "" for the algorithm
  std::string label;           // "backbone (NAME of PLUGIN)"
  std::string plugin;          // id
  uint64_t key = 0;            // of random streams
  int64_t references = 0;      // to tensor handles, taken and not dropped on the owner thread
  bool unbalanced = false;     // it has been said that modes were not put back
  const Json* node = nullptr;  // its configuration while it is being created

  template <class Table>
  const Table& table() const {
    return *static_cast<const Table*>(component->table);
  }
};

// place: where the component stands, "backbone"; or its kind, while it stands nowhere.
Instance instance_of(const plugin::Component& component, std::string_view place);

struct Session {
  const plugin::Registry& registry;
  const Facts& facts;
  model::ParameterStore& store;
  std::vector<std::unique_ptr<Instance>> instances;  // in order of completion: destroyed from the back
  std::vector<Instance*> creating;                   // the innermost last
};

// An instance of this process by the pointer that plugins got; Failure(SSP_E_ARGUMENT) for another pointer,
// Failure(SSP_E_PRECONDITION) on another thread.
Instance& checked_instance(ssp_component component, std::string_view kind);
void register_instance(Instance& instance);
void forget_instance(Instance& instance);

// "encoder_k.backbone" + "cls_token"
std::string join_names(std::string_view prefix, std::string_view name);

std::string_view view(ssp_str text);
ssp_str borrow(std::string_view text);

}  // namespace selfsup::bridge

// Where a component stands while it is created. Children live in their parent's list until the create returns.
struct ssp_build {
  selfsup::bridge::Session* session = nullptr;    // null in defaults
  const selfsup::bridge::Facts* facts = nullptr;  // never null
  std::string prefix;                             // of tensor names
  std::string config_path;                        // "model.backbone", for messages
  std::shared_ptr<const selfsup::Json> node;
  bool frozen = false;
  bool overridden = false;  // node is not what the user's configuration was validated as

  std::deque<std::string> strings;  // what results point to
  std::deque<std::vector<int64_t>> ints;
  std::deque<std::vector<double>> doubles;
  std::deque<std::vector<uint8_t>> bools;
  std::deque<std::unique_ptr<ssp_build>> children;

  ssp_build();
  ~ssp_build();
  ssp_build(const ssp_build&) = delete;
  ssp_build& operator=(const ssp_build&) = delete;
};
