// The built-in transforms of one picture: crops, resizing, flips. Knows no pipeline.
#pragma once
#include <memory>

#include "data/transforms/transform.h"

namespace selfsup::data {

// RandomResizedCrop, Resize, ResizeEdge, CenterCrop, RandomCrop, RandomFlip, with MMSelfSup's (else mmcv's) names,
// arguments and defaults; null for another type. Error(usage) where values contradict each other.
std::unique_ptr<Transform> make_geometry(const Json& spec);

}  // namespace selfsup::data
