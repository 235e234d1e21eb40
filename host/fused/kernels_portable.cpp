#include "fused/vector_portable.h"

#include "fused/attention_bodies.h"

namespace selfsup::fused {

Kernels portable_kernels() { return kernels_named("portable"); }

}  // namespace selfsup::fused
