#include "bridge/components/layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "bridge/components/session.h"
#include "bridge/status.h"

namespace selfsup::bridge {

const Layer* LayersAt::find(std::string_view name) const {
  const auto it = std::ranges::find(layers, name, &Layer::name);
  return it == layers.end() ? nullptr : &*it;
}

const Layer* LayersAt::main() const {
  const auto it = std::ranges::find_if(layers, [](const Layer& l) { return l.info.flags & SSP_LAYER_MAIN; });
  return it == layers.end() ? nullptr : &*it;
}

std::vector<std::string> checked_names(const std::string& who, const ssp_str* names, uint32_t n,
                                       const LayersAt& known) {
  require(names != nullptr || n == 0, SSP_E_ARGUMENT, "names of layers at a null address");
  std::vector<std::string> asked, there;
  for (const Layer& layer : known.layers) there.push_back(layer.name);
  for (uint32_t i = 0; i < n; ++i) {
    const std::string name(view(names[i]));
    if (!known.find(name)) {
      fail(SSP_E_CONFIG, fmt::format("{}: there is no layer '{}'{}; for {}x{} pixels it has {}", who, name,
                                     suggestion(name, there), known.height, known.width,
                                     there.empty() ? std::string("none") : fmt::format("{}", fmt::join(there, ", "))));
    }
    if (std::ranges::find(asked, name) != asked.end())
      fail(SSP_E_ARGUMENT, fmt::format("{}: layer '{}' is asked for twice", who, name));
    asked.push_back(name);
  }
  return asked;
}

}  // namespace selfsup::bridge
