// SPDX-License-Identifier: Apache-2.0
// Scopes of gradient recording and autocast on this thread.
#pragma once
#include "ssp/cpp/tensor.hpp"

namespace ssp {
inline namespace v0 {

namespace detail {
// One push, undone at the end of the scope. If the push fails, nothing is to undo: the constructor throws.
class Mode {
 public:
  Mode(const Mode&) = delete;
  Mode& operator=(const Mode&) = delete;
  ~Mode() { runtime.ops->state_pop(); }

 protected:
  explicit Mode(ssp_status pushed) { check(pushed); }
};
}  // namespace detail

// { NoGrad guard; … }: nothing is recorded for backward.
struct NoGrad : detail::Mode {
  NoGrad() : Mode(detail::runtime.ops->grad_push(0)) {}
};

// Operators compute in the type of their arguments: losses stay in fp32 whatever the run's precision.
struct AutocastOff : detail::Mode {
  AutocastOff() : Mode(detail::runtime.ops->autocast_push(0, 0)) {}
};

}  // namespace v0
}  // namespace ssp
