// SPDX-License-Identifier: Apache-2.0
// Call: where a per-step call stands in the run, its random numbers, the forwards into which it forks, and tensors of
// numbers that lie in the plugin's memory.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

enum class Rows : uint32_t { cat = SSP_ROWS_CAT, interleaved = SSP_ROWS_INTERLEAVED };

// Cheap to copy; dead when the call that gave it returns.
class Call {
 public:
  // rows: samples in this call's tensors; -1: not known.
  Call(ssp_call* call, int64_t rows) : call_(call), rows_(rows), batch_(rows) {}
  ssp_call* raw() const { return call_; }
  int64_t row_count() const { return rows_; }

  ssp_call_info info() const {
    ssp_call_info i{};
    i.struct_size = sizeof i;
    check(detail::calls().info(call_, &i));
    return i;
  }
  bool training() const { return info().mode == SSP_MODE_TRAIN; }
  // update / max_updates as a tensor of no dimension, without waiting for the device.
  Tensor progress() const {
    ssp_tensor out;
    check(detail::calls().progress(call_, &out));
    return Tensor(out);
  }

  // Whether the run has been asked to stop: long work in an event ends early then.
  bool stop_requested() const {
    uint32_t out = 0;
    check(detail::calls().stop_requested(call_, &out));
    return out != 0;
  }

  // A forward over the rows of these views: cat(views, 0), or stack(views, 1).flatten(0, 1). Two forwards of one
  // network in one step need two sites, which join the key of every random number below. views: {0, 1}, or any range of
  // whole numbers.
  Call rows(std::initializer_list<int32_t> views, const std::string& site, Rows layout = Rows::cat,
            uint32_t mode = SSP_MODE_INHERIT) const {
    return fork(views.begin(), views.size(), site, layout, mode);
  }
  template <class Range>
  Call rows(const Range& views, const std::string& site, Rows layout = Rows::cat,
            uint32_t mode = SSP_MODE_INHERIT) const {
    std::vector<int32_t> list;
    for (const auto view : views) list.push_back(static_cast<int32_t>(view));
    return fork(list.data(), list.size(), site, layout, mode);
  }
  // A forward over rows that are no longer this batch's: shuffled among ranks, or from a bank.
  Call foreign(const std::string& site, uint32_t mode = SSP_MODE_INHERIT) const {
    return fork(nullptr, 0, site, Rows::cat, mode);
  }
  // A forward in eval mode, such as a teacher's or a target generator's.
  Call eval(const std::string& site) const { return foreign(site, SSP_MODE_EVAL); }

  // Uniform f32 [rows, n] in [0, 1), the same for a sample whatever the ranks, workers or a resume.
  Tensor per_sample_uniform(const std::string& site, int64_t n, int64_t rows) const {
    ssp_tensor out;
    check(detail::rng().per_sample(call_, to_str(site), rows, n, &out));
    return Tensor(out);
  }
  Tensor per_sample_uniform(const std::string& site, int64_t n) const {
    if (rows_ < 0) throw Error(SSP_E_ARGUMENT, "per_sample_uniform: this call does not know its rows; pass them");
    return per_sample_uniform(site, n, rows_);
  }
  // For operators that draw; shared: one stream for all ranks. Dead when the per-step call returns.
  Generator generator(const std::string& site, const Tensor& like, bool shared = false, uint64_t index = 0) const {
    Generator g{};
    check(detail::rng().generator(call_, to_str(site), index, shared ? SSP_RNG_SHARED : SSP_RNG_RANK, like.handle(),
                                  &g.value));
    return g;
  }

 private:
  Call fork(const int32_t* views, size_t n, const std::string& site, Rows layout, uint32_t mode) const {
    const ssp_fork spec = {
        sizeof(ssp_fork), mode, to_str(site), views, static_cast<uint32_t>(n), static_cast<uint32_t>(layout)};
    ssp_call* child = nullptr;
    check(detail::calls().fork(call_, &spec, &child));
    Call c(child, n == 0 || batch_ < 0 ? -1 : batch_ * static_cast<int64_t>(n));
    c.batch_ = batch_;
    return c;
  }
  ssp_call* call_;
  int64_t rows_, batch_;  // batch_: samples of one view
};

// A new tensor on the device of the run, of a vector's values row by row, or of one number (f32, no dimension).
template <class T>
Tensor from_host(const Call& call, const std::vector<T>& values, Ints sizes) {
  detail::check_length(values.size(), sizes, "from_host");
  const detail::Elements<T> elements(values);
  ssp_tensor out{0};
  check(detail::runtime.ops->from_host(call.raw(), elements.data(), detail::DTypeOf<T>::value, sizes.data(),
                                       static_cast<uint32_t>(sizes.size()), &out));
  return Tensor(out);
}
inline Tensor from_host(const Call& call, double number) {
  return from_host(call, std::vector<float>{static_cast<float>(number)}, {});
}

}  // namespace v0
}  // namespace ssp
