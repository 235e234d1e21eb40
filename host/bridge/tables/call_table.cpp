// The table "ssp.call".
#include <ATen/ops/scalar_tensor.h>
#include <fmt/format.h>

#include "base/random.h"
#include "bridge/components/session.h"
#include "bridge/host_state.h"
#include "bridge/out_struct.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/extensions.h"

namespace selfsup::bridge {
namespace {

ssp_status info(const ssp_call* call, ssp_call_info* out) {
  return guarded([&] {
    const Call& c = checked(call);
    const Step& s = c.scope.step;
    ssp_call_info i{};
    i.mode = c.mode == Mode::train ? SSP_MODE_TRAIN : SSP_MODE_EVAL;
    i.origin = static_cast<uint32_t>(s.origin);
    i.micro = s.micro;
    i.micros = s.micros;
    i.iter = s.iter;
    i.max_iters = s.max_iters;
    i.update = s.update;
    i.max_updates = s.max_updates;
    i.epoch = s.epoch;
    i.max_epochs = s.max_epochs;
    i.epoch_iters = s.epoch_iters;
    write_out(i, out, "call.info");
  });
}

ssp_status fork(ssp_call* call, const ssp_fork* fork, ssp_call** child) {
  return guarded([&] {
    const Call& c = checked(call);
    require(child != nullptr, SSP_E_ARGUMENT, "fork: child is null");
    const ssp_fork request = read_in(fork, offsetof(ssp_fork, layout) + sizeof fork->layout, "ssp_fork");
    require(request.mode <= SSP_MODE_EVAL, SSP_E_ARGUMENT, "fork: unknown mode");
    require(request.layout <= SSP_ROWS_INTERLEAVED, SSP_E_ARGUMENT, "fork: unknown layout");
    require(request.views != nullptr || request.n_views == 0, SSP_E_ARGUMENT, "fork: views is null");
    require(request.mode != SSP_MODE_TRAIN || !c.scope.host.only_looks, SSP_E_PRECONDITION,
            "fork: no training mode in features and reconstruct, which leave the run as it is");
    const std::string_view site = view(request.site);
    require(!site.empty(), SSP_E_ARGUMENT,
            "fork: the site is empty, so that two forwards would draw the same numbers; name each, as \"student\"");
    Call made{c.scope, c.mode, hash_key(c.site, hash_name(site)), request.n_views != 0, {}, request.layout};
    if (request.mode != SSP_MODE_INHERIT) made.mode = request.mode == SSP_MODE_TRAIN ? Mode::train : Mode::eval;
    for (uint32_t i = 0; i < request.n_views; ++i) {
      const int32_t v = request.views[i];
      if (v < 0 || static_cast<uint32_t>(v) >= c.scope.n_views) {
        fail(SSP_E_ARGUMENT, fmt::format("fork: view {} of a batch with {} views", v, c.scope.n_views));
      }
      made.views.push_back(v);
    }
    *child = c.scope.add(std::move(made));
  });
}

ssp_status progress(ssp_call* call, ssp_tensor* out) {
  return guarded([&] {
    CallScope& scope = checked(call).scope;
    require(out != nullptr, SSP_E_ARGUMENT, "progress: out is null");
    if (!scope.progress.defined()) {
      const Step& s = scope.step;
      const double done = s.max_updates ? static_cast<double>(s.update) / static_cast<double>(s.max_updates) : 0.0;
      scope.progress = at::scalar_tensor(done, at::kFloat).to(scope.host.environment.device);
    }
    *out = scope.host.handles.give(scope.progress.clone());
  });
}

ssp_status stop_requested(const ssp_call* call, uint32_t* out) {
  return guarded([&] {
    const Environment& run = checked(call).scope.host.environment;
    require(out != nullptr, SSP_E_ARGUMENT, "stop_requested: out is null");
    *out = run.stop_requested && run.stop_requested() ? 1 : 0;
  });
}

}  // namespace

const ssp_calls calls_table = {sizeof(ssp_calls), 0, info, fork, progress, stop_requested};

}  // namespace selfsup::bridge
