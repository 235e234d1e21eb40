// The extensions that plugins get, by id. Each table stands in a file of its own.
#pragma once
#include "ssp/abi.h"

namespace selfsup::bridge {

extern const ssp_ops ops_table;
extern const ssp_params params_table;
extern const ssp_config config_table;
extern const ssp_registry registry_table;
extern const ssp_calls calls_table;
extern const ssp_rng rng_table;
extern const ssp_dist dist_table;
extern const ssp_batch_norm batch_norm_table;
extern const ssp_log log_table;
extern const ssp_edits edit_table;
extern const ssp_nn nn_table;

// Null when this host does not offer it.
const void* find_extension(const char* id) noexcept;

}  // namespace selfsup::bridge
