// Makes and destroys components, for the algorithm and for ssp.registry. Main thread.
#pragma once
#include "bridge/components/build.h"

namespace selfsup::bridge {

// Calls the component's create at `at`. On failure what it asked for is destroyed again, and what was declared in it is
// forgotten. Failure with the component's name, and for a cycle with the chain.
Instance& create_component(Session& session, const plugin::Component& component, Build& at);

void destroy_component(Instance& instance);

// Destroys, in reverse order, what was created after the first `keep` instances.
void destroy_components(Session& session, size_t keep);

// A component that stands alone and gets its configuration only: a transform. Failure as above.
std::unique_ptr<Instance> create_alone(const plugin::Component& component, Build& at);

// The table that requesters get for a kind, with the host's checks; null for a kind that has none.
const void* wrapper_of(std::string_view kind);

}  // namespace selfsup::bridge
