// Transforms of plugins as steps of the data pipeline. Knows no dataset and no tensor.
#pragma once
#include "bridge/components/algorithm.h"
#include "data/transforms/transform.h"
#include "plugin/registry.h"

namespace selfsup::bridge {

// Makes the transform components that the plugins offer; null for a type that none offers. Components are created and
// destroyed on the main thread, before the host goes; apply runs on worker threads. The registry must outlive both the
// factory and what it made.
// What a transform does wrong is Error(plugin), or Error(usage) where its create refuses the configuration; a sample
// that it calls bad (SSP_E_SAMPLE) is a BadImage. All prefixed "transform (NAME of PLUGIN).apply: …".
data::TransformFactory transform_factory(const plugin::Registry& registry, const Facts& facts);

}  // namespace selfsup::bridge
