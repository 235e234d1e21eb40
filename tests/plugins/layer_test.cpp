// A plugin that uses all of the SDK's C++ layer: what it resolves must be on the closed list, argument by argument.
#include <catch2/catch.hpp>

#include "ssp/algorithm.h"
#include "ssp/entry.h"
#include "support/fixture.h"

using namespace selfsup;

TEST_CASE("every operator of the C++ layer is one that this host resolves") {
  plugin::Registry& registry = selfsup::testing::registry();
  CHECK_NOTHROW(registry.load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_layer.so"));
  for (const auto& [kind, name] :
       {std::pair{SSP_KIND_ALGORITHM, "Teacher"}, std::pair{SSP_KIND_BACKBONE_TOKENS, "Encoder"},
        std::pair{SSP_KIND_BACKBONE, "Encoder"}, std::pair{SSP_KIND_TRANSFORM, "Invert"}})
    CHECK(registry.find(kind, name).table);
}

TEST_CASE("a class without optional functions has null in its table") {
  const auto& mae =
      *static_cast<const ssp_algorithm*>(selfsup::testing::registry().find(SSP_KIND_ALGORITHM, "MAE").table);
  CHECK(mae.features);
  CHECK(mae.reconstruct);
  CHECK_FALSE(mae.on_event);
  CHECK_FALSE(mae.save_state);
  CHECK_FALSE(mae.load_state);
}
