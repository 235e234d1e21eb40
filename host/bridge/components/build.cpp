#include "bridge/components/build.h"

#include "bridge/host_state.h"

namespace selfsup::bridge {

Build::Build(HostState& h) : host(h), token(static_cast<ssp_build*>(host.builds.add(*this))) {}

Build::~Build() { host.builds.remove(*this); }

}  // namespace selfsup::bridge
