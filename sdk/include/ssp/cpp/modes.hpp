// SPDX-License-Identifier: Apache-2.0
// Scopes of gradient recording and autocast inside one call.
#pragma once
#include "ssp/cpp/call.hpp"

namespace ssp {
inline namespace v0 {

namespace detail {
// One push, undone at the end of the scope. If the push fails, nothing is to undo: the constructor throws.
class Mode {
 public:
  Mode(const Mode&) = delete;
  Mode& operator=(const Mode&) = delete;
  ~Mode() { runtime.ops->state_pop(call_); }

 protected:
  Mode(const Call& call, ssp_status pushed) : call_(call.raw()) { check(pushed); }

 private:
  ssp_call* call_;
};
}  // namespace detail

// { NoGrad guard(call); … }: nothing is recorded for backward.
struct NoGrad : detail::Mode {
  explicit NoGrad(const Call& call) : Mode(call, detail::runtime.ops->grad_push(call.raw(), 0)) {}
};

// Recorded where it is off: in an event, or inside of NoGrad.
struct EnableGrad : detail::Mode {
  explicit EnableGrad(const Call& call) : Mode(call, detail::runtime.ops->grad_push(call.raw(), 1)) {}
};

// Operators compute in the type of their arguments: losses stay in fp32 whatever the run's precision.
struct AutocastOff : detail::Mode {
  explicit AutocastOff(const Call& call) : Mode(call, detail::runtime.ops->autocast_push(call.raw(), 0, 0)) {}
};

// In the run's precision, whichever that is, or in the one that is given.
struct Autocast : detail::Mode {
  explicit Autocast(const Call& call) : Mode(call, detail::runtime.ops->autocast_push(call.raw(), 1, 0)) {}
  Autocast(const Call& call, DType dtype)
      : Mode(call, detail::runtime.ops->autocast_push(call.raw(), 1, static_cast<int32_t>(dtype))) {}
};

}  // namespace v0
}  // namespace ssp
