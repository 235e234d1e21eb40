#include "bridge/active.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "bridge/operators/handles.h"
#include "bridge/status.h"
#include "plugin/crossing.h"

namespace selfsup::bridge {

Active& active() {
  static auto& it = *new Active;  // outlives every static destructor
  return it;
}

void require_owner(const char* text) { require(handles::on_owner_thread() && active().open, SSP_E_PRECONDITION, text); }

void require_init() {
  const char* callback = plugin::Crossing::callback();
  const bool init = callback && std::strcmp(callback, "init") == 0;
  require(init && handles::on_owner_thread() && active().open, SSP_E_PRECONDITION,
          "operators are resolved in init, on the main thread");
}

void require_operators() {
  require(handles::on_owner_thread(), SSP_E_PRECONDITION,
          "operators are for the thread of the call or create in progress; this is another thread");
  const Active& a = active();
  if (a.phase == Phase::create || a.phase == Phase::call) return;
  require(a.open, SSP_E_PRECONDITION, "the host has shut down");
  fail(SSP_E_PRECONDITION, "operators are for create and per-step calls; none is in progress");
}

void require_values(const at::Tensor& tensor) {
  const Active& a = active();
  if (a.phase != Phase::create) return;
  const auto it = a.declared.find(tensor.unsafeGetTensorImpl());
  if (it == a.declared.end()) return;
  fail(
      SSP_E_PRECONDITION,
      fmt::format("'{}' has no values while components are created; they are there from SSP_EVENT_READY on (on_event), "
                  "and a parameter's first ones come from its ssp_init",
                  it->second));
}

ssp_build& checked(ssp_build* build, Needs needs) {
  require_owner("only on the main thread of a running host");
  const Active& a = active();
  require(build != nullptr, SSP_E_ARGUMENT, "the ssp_build is null");
  require(a.builds.count(build) != 0, SSP_E_PRECONDITION,
          "this ssp_build is not alive: it is for the create that got it");
  if (a.phase == Phase::create) return *build;
  if (a.phase == Phase::configure) {
    require(needs != Needs::session, SSP_E_PRECONDITION,
            "a transform gets its configuration, no parameters or components");
    return *build;
  }
  require(a.phase == Phase::describe, SSP_E_PRECONDITION, "only inside create");
  require(needs == Needs::facts, SSP_E_PRECONDITION, "in defaults only config.fact answers");
  return *build;
}

ssp_call& checked(const ssp_call* call) {
  require_owner("only on the thread of the call in progress");
  const Active& a = active();
  require(call != nullptr, SSP_E_ARGUMENT, "the ssp_call is null");
  require(std::find(a.calls.begin(), a.calls.end(), call) != a.calls.end(), SSP_E_PRECONDITION,
          "this ssp_call is not alive: it is for the per-step call that got it");
  return *const_cast<ssp_call*>(call);
}

bool aliases_trained(const at::Tensor& tensor) {
  Active& a = active();
  if (!tensor.has_storage()) return false;
  if (!a.storages_known) {
    a.trained_storages.clear();
    for (const at::Tensor& t : a.trained) a.trained_storages.insert(t.storage().unsafeGetStorageImpl());
    a.storages_known = true;
  }
  return a.trained_storages.count(tensor.storage().unsafeGetStorageImpl()) != 0;
}

}  // namespace selfsup::bridge
