#include "bridge/tables/extensions.h"

#include <cstring>
#include <utility>

namespace selfsup::bridge {

const void* find_extension(const char* id) noexcept {
  static constexpr std::pair<const char*, const void*> known[] = {
      {SSP_EXT_OPS, &ops_table},       {SSP_EXT_PARAMS, &params_table},
      {SSP_EXT_CONFIG, &config_table}, {SSP_EXT_CALL, &calls_table},
      {SSP_EXT_RNG, &rng_table},       {SSP_EXT_REGISTRY, &registry_table},
      {SSP_EXT_DIST, &dist_table},     {SSP_EXT_BATCH_NORM, &batch_norm_table},
      {SSP_EXT_LOG, &log_table},       {SSP_EXT_EDIT, &edit_table},
      {SSP_EXT_NN, &nn_table}};
  if (!id) return nullptr;
  for (const auto& [name, table] : known) {
    if (std::strcmp(name, id) == 0) return table;
  }
  return nullptr;
}

}  // namespace selfsup::bridge
