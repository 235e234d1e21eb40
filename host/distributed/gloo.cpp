#include "distributed/gloo.h"

// LibTorch's header of its gloo backend is empty without this. It needs five headers of gloo, which no wheel holds:
// those of the distribution serve, older as they may be, as long as only its constructors and its device are called
// here. The code of gloo is inside LibTorch; the distribution's library must not be linked.
#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

namespace selfsup::distributed {

c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world,
                                                    const std::string& interface, std::chrono::milliseconds timeout) {
  const auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(interface));
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world, options);
}

}  // namespace selfsup::distributed
