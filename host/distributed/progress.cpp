#include "distributed/progress.h"

namespace selfsup::distributed {

const char* name_of(Phase phase) {
  switch (phase) {
    case Phase::setup:
      return "setting up";
    case Phase::data:
      return "waiting for data";
    case Phase::forward:
      return "the forward pass";
    case Phase::backward:
      return "the backward pass";
    case Phase::update:
      return "the update";
    case Phase::log:
      return "logging";
    case Phase::save:
      return "saving";
    case Phase::evaluate:
      return "evaluating";
    case Phase::end:
      return "ending";
  }
  return "an unknown phase";
}

}  // namespace selfsup::distributed
