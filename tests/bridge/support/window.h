// An open host inside a pretended per-step call or create, so that tests call the tables as a plugin would.
#pragma once
#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <string>

#include "bridge/components/algorithm.h"
#include "bridge/components/create.h"
#include "bridge/host.h"
#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "plugin/crossing.h"

namespace selfsup::bridge::testing {

template <class Table>
const Table& extension(const Host& host, const char* id) {
  const void* table = host.table()->get_extension(host.table(), id);
  REQUIRE(table != nullptr);
  return *static_cast<const Table*>(table);
}

inline std::string error_text() {
  const ssp_str text = last_error();
  return std::string(text.data, text.size);
}

inline ssp_str text(const char* s) { return {s, std::char_traits<char>::length(s)}; }

inline ssp_tensor give(const Host& host, at::Tensor tensor) { return host.state().handles.give(std::move(tensor)); }
inline const at::Tensor& peek(ssp_tensor handle) { return Handles::of(handle).peek(handle); }
inline void release(ssp_tensor handle) { Handles::of(handle).release(handle); }

// A struct to be filled in.
template <class Struct>
Struct sized() {
  Struct s{};
  s.struct_size = sizeof s;
  return s;
}

// Resolves as a plugin's init does.
inline ssp_status resolve_in_init(const Host& host, const std::string& name, const std::string& overload,
                                  const std::string& args, ssp_op* out) {
  const plugin::Crossing crossing("test", "init");
  const auto& ops = extension<ssp_ops>(host, SSP_EXT_OPS);
  return ops.resolve(host.table(), name.c_str(), overload.c_str(), args.c_str(), out);
}

// Operators may be called while it lives; call() stands for the per-step call.
class Window {
 public:
  explicit Window(const Host& host, const Step& step = {}, int64_t batch = 0, at::Tensor sample_index = {},
                  uint32_t views = 1)
      : host_(host.state()), scope_(host_, step, batch, std::move(sample_index), views) {
    host_.phase = Phase::call;
  }
  ~Window() { host_.phase = Phase::idle; }
  ssp_call* call() { return scope_.root(); }

 private:
  HostState& host_;
  CallScope scope_;
};

// Inside a pretended create of the node `config`, by a component with this schema; "": one that has any key.
class BuildWindow {
 public:
  BuildWindow(const Host& host, const plugin::Registry& registry, const std::string& config, const Facts& facts = {},
              const std::string& schema = "")
      : host_(host.state()), facts_(facts), session_{host_, registry, facts_, store}, build_(host_) {
    build_.session = &session_;
    build_.facts = &facts_;
    build_.config_path = "model";
    build_.node = std::make_shared<const Json>(parse_json(config, "test.json", "file"));
    if (!schema.empty()) {
      schema_ = parse_json(schema, "schema", "file");
      build_.keys = KeysAt{{&schema_}};
    }
    host_.declared.use(&store);
    host_.phase = Phase::create;
  }
  ~BuildWindow() {
    destroy_components(session_, 0);
    host_.declared.use(nullptr);
    host_.phase = Phase::idle;
  }
  ssp_build* get() { return build_.token; }

  model::ParameterStore store;

 private:
  HostState& host_;
  Facts facts_;
  Json schema_;
  Session session_;
  Build build_;
};

}  // namespace selfsup::bridge::testing
