#include "input/staging.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace selfsup::input {

Staging::Staging(at::Device device) : device_(device) {
  if (!device.is_cpu()) stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

at::Tensor Staging::operator()(const at::Tensor& bytes) const {
  if (!stream_) return bytes;
  const c10::Stream compute = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
  at::Tensor copy;
  {
    const c10::StreamGuard guard(*stream_);
    copy = bytes.to(device_, /*non_blocking=*/true);
  }
  c10::Event copied(device_.type());
  copied.record(*stream_);
  copied.block(compute);
  copy.record_stream(compute);  // its memory is not given away while the computation needs it
  return copy;
}

}  // namespace selfsup::input
