// The layers that backbones tell, and those that a caller asks for by name. Knows no table.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ssp/backbone.h"

namespace selfsup::bridge {

struct Layer {
  std::string name;
  ssp_layer_info info;  // its name is a borrowed one: use the other
};

// For images of one size, in the order in which they are told.
struct LayersAt {
  int64_t height = 0, width = 0;
  std::vector<Layer> layers;
  const Layer* find(std::string_view name) const;
  const Layer* main() const;  // null: none is flagged
};

// The names asked for: all known, none twice. Failure(SSP_E_CONFIG) with what is known; who: "backbone (…).forward".
std::vector<std::string> checked_names(const std::string& who, const ssp_str* names, uint32_t n, const LayersAt& known);

}  // namespace selfsup::bridge
