// Where a component stands while it is created: what an ssp_build stands for. Main thread.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "bridge/components/config_keys.h"
#include "bridge/components/session.h"
#include "bridge/edit_kinds.h"
#include "bridge/host_state.h"

namespace selfsup::bridge {

// Children live in their parent's list until the create returns.
struct Build {
  explicit Build(HostState& h) : host(h), token(static_cast<ssp_build*>(host.builds.add(*this))) {}
  ~Build() { host.builds.remove(*this); }
  Build(const Build&) = delete;
  Build& operator=(const Build&) = delete;

  HostState& host;
  ssp_build* token;
  Session* session = nullptr;    // null in defaults and for transforms
  const Facts* facts = nullptr;  // never null
  std::string prefix;            // of tensor names
  std::string config_path;       // "model.backbone", for messages
  std::shared_ptr<const Json> node;
  KeysAt keys;  // which keys the node may have
  bool frozen = false;
  EditKinds edits;          // what a transform says it will append
  bool overridden = false;  // node is not what the user's configuration was validated as

  std::deque<std::string> strings;  // what results point to
  std::deque<std::vector<int64_t>> ints;
  std::deque<std::vector<double>> doubles;
  std::deque<std::vector<uint8_t>> bools;
  std::deque<std::unique_ptr<Build>> children;
};

}  // namespace selfsup::bridge
