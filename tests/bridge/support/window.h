// An open host inside a pretended per-step call or create, so that tests call the tables as a plugin would.
#pragma once
#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <string>

#include "bridge/active.h"
#include "bridge/components/algorithm.h"
#include "bridge/components/create.h"
#include "bridge/components/session.h"
#include "bridge/operators/handles.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/tables.h"
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

// Resolves as a plugin's init does.
inline ssp_status resolve_in_init(const ssp_ops& ops, const std::string& name, const std::string& overload,
                                  const std::string& args, ssp_op* out) {
  const plugin::Crossing crossing("test", "init");
  return ops.resolve(name.c_str(), overload.c_str(), args.c_str(), out);
}

// Operators may be called while it lives; call() stands for the per-step call.
class Window {
 public:
  explicit Window(const Step& step = {}, int64_t batch = 0, at::Tensor sample_index = {}, uint32_t views = 1)
      : scope_(step, batch, std::move(sample_index), views) {
    active().phase = Phase::call;
  }
  ~Window() { active().phase = Phase::idle; }
  ssp_call* call() { return scope_.root(); }

 private:
  CallScope scope_;
};

// Inside a pretended create of the node `config`.
class BuildWindow {
 public:
  BuildWindow(const plugin::Registry& registry, const std::string& config, const Facts& facts = {})
      : facts_(facts), session_{registry, facts_, store, {}, {}} {
    build_.session = &session_;
    build_.facts = &facts_;
    build_.config_path = "model";
    build_.node = std::make_shared<const Json>(parse_json(config, "test.json", "file"));
    active().declared.clear();
    active().phase = Phase::create;
  }
  ~BuildWindow() {
    destroy_components(session_, 0);
    active().phase = Phase::idle;
  }
  ssp_build* get() { return &build_; }

  model::ParameterStore store;

 private:
  Facts facts_;
  Session session_;
  ssp_build build_;
};

}  // namespace selfsup::bridge::testing
