// SPDX-License-Identifier: Apache-2.0
// Initial values, as torch.nn.init defines them. The host makes them, keyed by seed and parameter path.
#pragma once
#include "ssp/cpp/tensor.hpp"
#include "ssp/params.h"

namespace ssp {
inline namespace v0 {

class Init {
 public:
  static Init constant(double value) { return make(SSP_INIT_CONSTANT, value); }
  static Init zeros() { return constant(0); }
  static Init ones() { return constant(1); }
  static Init normal(double mean, double deviation) { return make(SSP_INIT_NORMAL, mean, deviation); }
  static Init uniform(double low, double high) { return make(SSP_INIT_UNIFORM, low, high); }
  // Cut at two units, not deviations, as torch.nn.init.trunc_normal_ does by default.
  static Init trunc_normal(double deviation, double low = -2, double high = 2) {
    Init i = make(SSP_INIT_TRUNC_NORMAL, 0, deviation);
    i.raw_.lo = low;
    i.raw_.hi = high;
    return i;
  }
  static Init xavier_uniform(double gain = 1) { return make(SSP_INIT_XAVIER_UNIFORM, gain); }
  // Deviation gain / sqrt(fan_in or fan_out).
  static Init kaiming_normal(double gain, bool fan_out = false) {
    return make(SSP_INIT_KAIMING_NORMAL, gain, fan_out ? 1 : 0);
  }
  // Uniform within 1 / sqrt(fan_in): weights and biases of torch's Linear and Conv. Biases must name fan_in.
  static Init torch_default(int64_t fan_in = 0) { return make(SSP_INIT_KAIMING_UNIFORM, 1).fans(fan_in, 0); }
  // These values, row by row; their type must be the tensor's: float f32, int64_t i64, bool boolean, …
  template <class T>
  static Init data(const std::vector<T>& values) {
    Init i = make(SSP_INIT_DATA);
    const detail::Elements<T> elements(values);
    const auto* bytes = static_cast<const uint8_t*>(elements.data());
    i.values_.assign(bytes, bytes + values.size() * (std::is_same_v<T, bool> ? 1 : sizeof(T)));
    i.data_dtype_ = detail::DTypeOf<T>::value;
    return i;
  }
  static Init data(std::initializer_list<float> values) { return data(std::vector<float>(values)); }
  // Instead of those that the shape implies; 0: from the shape.
  Init fans(int64_t in, int64_t out) const {
    Init i = *this;
    i.raw_.fan_in = in;
    i.raw_.fan_out = out;
    return i;
  }
  // Borrows the values of `data`: valid while this object is and is not changed.
  ssp_init raw() const {
    ssp_init r = raw_;
    if (r.kind == SSP_INIT_DATA) {
      r.data = values_.data();
      r.bytes = values_.size();
    }
    return r;
  }
  // SSP_F32 … of given data; 0: a rule, for tensors of any type.
  int32_t data_dtype() const { return data_dtype_; }

 private:
  static Init make(uint32_t kind, double a = 0, double b = 0) {
    Init i;
    i.raw_.struct_size = sizeof(ssp_init);
    i.raw_.kind = kind;
    i.raw_.a = a;
    i.raw_.b = b;
    return i;
  }
  ssp_init raw_{};
  std::vector<uint8_t> values_;
  int32_t data_dtype_ = 0;
};

}  // namespace v0
}  // namespace ssp
