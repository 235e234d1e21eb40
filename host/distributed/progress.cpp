#include "distributed/progress.h"

namespace selfsup::distributed {

const char* name_of(Phase phase) {
  switch (phase) {
    case Phase::setup:
      return "setting up";
    case Phase::ready:
      return "the algorithm's event READY";
    case Phase::updated:
      return "the algorithm's event UPDATED";
    case Phase::epoch_end:
      return "the algorithm's event EPOCH_END";
    case Phase::log:
      return "logging";
    case Phase::save:
      return "saving";
    case Phase::over:
      return "the algorithm's event END";
    case Phase::evaluate:
      return "evaluating";
    case Phase::epoch_begin:
      return "the algorithm's event EPOCH_BEGIN";
    case Phase::data:
      return "waiting for data";
    case Phase::forward:
      return "the forward pass";
    case Phase::backward:
      return "the backward pass";
    case Phase::gradients:
      return "the algorithm's event GRADIENTS";
    case Phase::update:
      return "the update";
    case Phase::end:
      return "ending";
  }
  return "an unknown phase";
}

}  // namespace selfsup::distributed
