#include "bridge/tables/call.h"

#include "bridge/host_state.h"

namespace selfsup::bridge {

CallScope::CallScope(HostState& h, const Step& s, int64_t b, at::Tensor index, uint32_t views, uint64_t site)
    : host(h), step(s), batch(b), sample_index(std::move(index)), n_views(views) {
  host.declared.memory_may_have_moved();
  root_ = add({*this, s.mode, site, sample_index.defined(), {}, SSP_ROWS_CAT});
}

CallScope::~CallScope() {
  for (const Call& call : calls_) host.calls.remove(call);
  host.has_gradients = false;
  host.generators.reclaim();
  host.drawn.clear();
}

ssp_call* CallScope::add(Call call) {
  calls_.push_back(std::move(call));
  return static_cast<ssp_call*>(host.calls.add(calls_.back()));
}

}  // namespace selfsup::bridge
