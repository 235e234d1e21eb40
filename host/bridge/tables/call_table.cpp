// The table "ssp.call" and the life of a per-step call.
#include <ATen/ops/scalar_tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/random.h"
#include "bridge/active.h"
#include "bridge/components/session.h"
#include "bridge/operators/handles.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/generators.h"
#include "bridge/tables/tables.h"

namespace selfsup::bridge {
namespace {

ssp_status info(const ssp_call* call, ssp_call_info* out) {
  return guarded([&] {
    const ssp_call& c = checked(call);
    require(out != nullptr && out->struct_size >= sizeof(uint32_t) * 2, SSP_E_ARGUMENT,
            "call.info: set out->struct_size first");
    const Step& s = c.scope->step;
    ssp_call_info i{};
    i.struct_size = out->struct_size;
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
    std::memcpy(out, &i, std::min<size_t>(out->struct_size, sizeof i));
  });
}

ssp_status fork(ssp_call* call, const ssp_fork* fork, ssp_call** child) {
  return guarded([&] {
    const ssp_call& c = checked(call);
    require(fork != nullptr && child != nullptr, SSP_E_ARGUMENT, "fork: a null argument");
    require(fork->struct_size >= offsetof(ssp_fork, layout) + sizeof fork->layout, SSP_E_ARGUMENT,
            "fork: ssp_fork.struct_size is too small");
    require(fork->mode <= SSP_MODE_EVAL, SSP_E_ARGUMENT, "fork: unknown mode");
    require(fork->layout <= SSP_ROWS_INTERLEAVED, SSP_E_ARGUMENT, "fork: unknown layout");
    require(fork->views != nullptr || fork->n_views == 0, SSP_E_ARGUMENT, "fork: views is null");
    ssp_call made{c.scope, c.mode, c.site, fork->n_views != 0, {}, fork->layout};
    if (fork->mode != SSP_MODE_INHERIT) made.mode = fork->mode == SSP_MODE_TRAIN ? Mode::train : Mode::eval;
    if (const std::string_view site = view(fork->site); !site.empty()) made.site = hash_key(c.site, hash_name(site));
    for (uint32_t i = 0; i < fork->n_views; ++i) {
      const int32_t v = fork->views[i];
      if (v < 0 || static_cast<uint32_t>(v) >= c.scope->n_views) {
        fail(SSP_E_ARGUMENT, fmt::format("fork: view {} of a batch with {} views", v, c.scope->n_views));
      }
      made.views.push_back(v);
    }
    c.scope->calls.push_back(std::move(made));
    active().calls.push_back(&c.scope->calls.back());
    *child = &c.scope->calls.back();
  });
}

ssp_status progress(ssp_call* call, ssp_tensor* out) {
  return guarded([&] {
    CallScope& scope = *checked(call).scope;
    require(out != nullptr, SSP_E_ARGUMENT, "progress: out is null");
    if (!scope.progress.defined()) {
      const Step& s = scope.step;
      const double done = s.max_updates ? static_cast<double>(s.update) / static_cast<double>(s.max_updates) : 0.0;
      scope.progress = at::scalar_tensor(done, at::kFloat).to(active().environment.device);
    }
    *out = handles::give(scope.progress.clone());
  });
}

}  // namespace

CallScope::CallScope(const Step& s, int64_t b, at::Tensor index, uint32_t views, uint64_t site)
    : step(s), batch(b), sample_index(std::move(index)), n_views(views) {
  calls.push_back({this, s.mode, site, sample_index.defined(), {}, SSP_ROWS_CAT});
  active().calls.push_back(&calls.back());
  active().storages_known = false;
}

CallScope::~CallScope() {
  auto& alive = active().calls;
  alive.erase(std::remove_if(alive.begin(), alive.end(), [&](const ssp_call* c) { return c->scope == this; }),
              alive.end());
  generators::reclaim();
}

ssp_call* CallScope::root() { return &calls.front(); }

const ssp_calls calls_table = {sizeof(ssp_calls), 0, info, fork, progress};

}  // namespace selfsup::bridge
