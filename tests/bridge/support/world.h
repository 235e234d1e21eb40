// The probe plugin on a host of its own, and the algorithms made of it.
#pragma once
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "base/errors.h"
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {

inline Json config_of(const std::string& text) { return parse_json(text, "test.json", "file"); }

inline std::string plain(const std::string& fault = "", const std::string& backbone_fault = "",
                         const std::string& type = "ProbeTokens") {
  return fmt::format(
      R"({{"type": "Probe", "fault": "{}", "backbone": {{"type": "{}", "image_size": 4, "fault": "{}"}}}})", fault,
      type, backbone_fault);
}

struct World {
  Host host;
  plugin::Registry registry{host.table()};
  model::ParameterStore store;
  Facts facts;
  explicit World(const std::string& file = SELFSUP_BRIDGE_PROBE) { registry.load(file); }

  std::unique_ptr<Algorithm> make(const std::string& text = plain()) {
    const Json config = config_of(text);
    auto algorithm = std::make_unique<Algorithm>(registry, config, facts, store);
    store.initialise(1);
    return algorithm;
  }
  static StepBatch batch(int64_t n = 3) {
    StepBatch b;
    b.views = {at::linspace(-1, 1, n * 16).reshape({n, 1, 4, 4})};
    b.sample_index = at::arange(n);
    b.fields = {{"label", -1, at::zeros({n}, at::kLong)}};
    return b;
  }
};

// The error of what f does: its text and exit code.
template <class F>
std::pair<std::string, Exit> error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return {e.what(), e.exit()};
  }
  return {"no error", Exit::ok};
}

}  // namespace selfsup::bridge::testing
