#include "bridge/host.h"

#include "bridge/host_state.h"

namespace selfsup::bridge {

Host::Host() : state_(std::make_unique<HostState>()) {}

Host::~Host() = default;

const ssp_host* Host::table() const { return state_.get(); }

void Host::set_environment(const Environment& environment) {
  state_->environment = environment;
  state_->modes.device = environment.device.type();
  state_->modes.of_run = environment.autocast;
}

int64_t Host::live_handles() const { return state_->handles.live(); }

int64_t Host::fused_calls() const { return state_->fused_use.count(); }

}  // namespace selfsup::bridge
