// SPDX-License-Identifier: Apache-2.0
// The ranks of the run. With one process everything is the identity. Every rank makes the same calls in the same order.
#pragma once
#include "ssp/cpp/call.hpp"

namespace ssp {
inline namespace v0 {
namespace dist {

enum class Gradient : uint32_t {
  none = SSP_GRAD_NONE,
  local_slice = SSP_GRAD_LOCAL_SLICE,        // the own slice of the own gradient
  reduce_scatter = SSP_GRAD_REDUCE_SCATTER,  // that slice summed over ranks
  sum = SSP_GRAD_SUM
};
enum class Reduce : uint32_t { sum = SSP_REDUCE_SUM, avg = SSP_REDUCE_AVG, max = SSP_REDUCE_MAX, min = SSP_REDUCE_MIN };

inline uint32_t rank(const Call& call) { return detail::dist().rank(call.raw()); }
inline uint32_t world(const Call& call) { return detail::dist().world(call.raw()); }

// [n, …] on each rank, equal sizes -> [world * n, …] in rank order. gradient: none, local_slice, reduce_scatter.
inline Tensor all_gather(const Call& call, const Tensor& x, Gradient gradient = Gradient::none) {
  ssp_tensor out{0};
  check(detail::dist().all_gather(call.raw(), x.handle(), static_cast<uint32_t>(gradient), &out));
  return Tensor(out);
}
// gradient: none, or sum (with Reduce::sum or avg).
inline Tensor all_reduce(const Call& call, const Tensor& x, Reduce op, Gradient gradient = Gradient::none) {
  ssp_tensor out{0};
  check(detail::dist().all_reduce(call.raw(), x.handle(), static_cast<uint32_t>(op), static_cast<uint32_t>(gradient),
                                  &out));
  return Tensor(out);
}
inline Tensor broadcast(const Call& call, const Tensor& x, uint32_t root) {
  ssp_tensor out{0};
  check(detail::dist().broadcast(call.raw(), x.handle(), root, &out));
  return Tensor(out);
}

}  // namespace dist
}  // namespace v0
}  // namespace ssp
