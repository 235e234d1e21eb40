// SPDX-License-Identifier: Apache-2.0
// The host's extension tables, one set a plugin, and the operators that it resolves in init. Knows no tensors.
#pragma once
#include "ssp/abi.h"
#include "ssp/cpp/error.hpp"

namespace ssp {
inline namespace v0 {

// Null: this host does not offer it. Only ssp.ops is needed by every plugin that touches a tensor.
struct Runtime {
  const ssp_ops* ops = nullptr;
  const ssp_params* params = nullptr;
  const ssp_config* config = nullptr;
  const ssp_registry* registry = nullptr;
  const ssp_calls* calls = nullptr;
  const ssp_rng* rng = nullptr;
  const ssp_dist* dist = nullptr;
  const ssp_batch_norm* batch_norm = nullptr;
  const ssp_edits* edits = nullptr;
  const ssp_log* log = nullptr;
  const ssp_nn* nn = nullptr;
};

namespace detail {
SSP_PER_PLUGIN inline Runtime runtime;

// One slot an operator that the plugin uses. Slots enter a list before init, which resolves them all: an operator that
// the host lacks is refused there, not in the middle of a run. One that the caller can do without stays null instead.
struct OpSlot {
  const char *name, *overload, *args;
  bool optional;
  ssp_op op = nullptr;
  OpSlot* next;
  OpSlot(const char* name_, const char* overload_, const char* args_, bool optional_) noexcept;
};
SSP_PER_PLUGIN inline OpSlot* op_slots = nullptr;
inline OpSlot::OpSlot(const char* name_, const char* overload_, const char* args_, bool optional_) noexcept
    : name(name_), overload(overload_), args(args_), optional(optional_), next(op_slots) {
  op_slots = this;
}

template <class Table>
void find_extension(const char* id, const Table*& table) {
  table = static_cast<const Table*>(host->get_extension(host, id));
}

inline ssp_status init(const ssp_host* given) noexcept {
  host = given;
  return guarded([] {
    find_extension(SSP_EXT_OPS, runtime.ops);
    find_extension(SSP_EXT_PARAMS, runtime.params);
    find_extension(SSP_EXT_CONFIG, runtime.config);
    find_extension(SSP_EXT_REGISTRY, runtime.registry);
    find_extension(SSP_EXT_CALL, runtime.calls);
    find_extension(SSP_EXT_RNG, runtime.rng);
    find_extension(SSP_EXT_DIST, runtime.dist);
    find_extension(SSP_EXT_BATCH_NORM, runtime.batch_norm);
    find_extension(SSP_EXT_EDIT, runtime.edits);
    find_extension(SSP_EXT_LOG, runtime.log);
    find_extension(SSP_EXT_NN, runtime.nn);
    if (op_slots && !runtime.ops) throw Error(SSP_E_UNSUPPORTED, "this host offers no " SSP_EXT_OPS);
    for (OpSlot* slot = op_slots; slot; slot = slot->next) {
      const ssp_status status = runtime.ops->resolve(host, slot->name, slot->overload, slot->args, &slot->op);
      if (status != SSP_OK && slot->optional)
        slot->op = nullptr;
      else
        check(status);
    }
  });
}

// The table, or one clear error where the host does not offer it.
template <class Table>
const Table& need(const Table* table, const char* id) {
  if (!table) throw Error(SSP_E_UNSUPPORTED, std::string("this host offers no ") + id);
  return *table;
}
inline const ssp_params& params() { return need(runtime.params, SSP_EXT_PARAMS); }
inline const ssp_config& config() { return need(runtime.config, SSP_EXT_CONFIG); }
inline const ssp_registry& registry() { return need(runtime.registry, SSP_EXT_REGISTRY); }
inline const ssp_calls& calls() { return need(runtime.calls, SSP_EXT_CALL); }
inline const ssp_rng& rng() { return need(runtime.rng, SSP_EXT_RNG); }
inline const ssp_dist& dist() { return need(runtime.dist, SSP_EXT_DIST); }
inline const ssp_batch_norm& batch_norm() { return need(runtime.batch_norm, SSP_EXT_BATCH_NORM); }
inline const ssp_edits& edits() { return need(runtime.edits, SSP_EXT_EDIT); }
}  // namespace detail

}  // namespace v0
}  // namespace ssp
