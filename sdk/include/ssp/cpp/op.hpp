// SPDX-License-Identifier: Apache-2.0
// Calls of operators: one line declares another of those in sdk/ops-1.txt.
//
//   SSP_OP(hardtanh, "hardtanh", "", "self,min_val,max_val");               // name, overload, arguments passed
//   SSP_IF_USED inline ssp::Tensor relu6(const ssp::Tensor& x) { return ssp::call<op::hardtanh>(x, 0, 6); }
//
// Keep such types in a namespace of your own, as `op` here; the layer's are in ssp::aten.
#pragma once
#include "ssp/cpp/tensor.hpp"

// `id` is a type of its own, that stands for the operator. It is resolved in init if the plugin calls it anywhere.
#define SSP_OP(id, aten_name, aten_overload, arguments)                                                   \
  struct id {                                                                                             \
    static constexpr const char *name = "aten::" aten_name, *overload = aten_overload, *args = arguments; \
    static constexpr bool optional = false;                                                               \
  }
// One without which the plugin can go on: is_offered<id>() must be asked before it is called.
#define SSP_OPTIONAL_OP(id, aten_name, aten_overload, arguments)                                          \
  struct id {                                                                                             \
    static constexpr const char *name = "aten::" aten_name, *overload = aten_overload, *args = arguments; \
    static constexpr bool optional = true;                                                                \
  }

namespace ssp {
inline namespace v0 {

// A tensor of somebody else, for the length of a call.
struct TensorRef : ssp_tensor {
  TensorRef(const Tensor& t) noexcept : ssp_tensor(t.handle()) {}
  explicit TensorRef(ssp_tensor t) noexcept : ssp_tensor(t) {}
};
static_assert(sizeof(TensorRef) == sizeof(ssp_tensor), "lists of references are lists of handles");

// A borrowed list of tensors: {a, b} copies no handle's ownership.
class TensorList {
 public:
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Winit-list-lifetime"  // used as a parameter only: the list outlives the call
#endif
  TensorList(std::initializer_list<TensorRef> list) : data_(list.begin()), size_(list.size()) {}
#pragma GCC diagnostic pop
  TensorList(const std::vector<TensorRef>& list) : data_(list.data()), size_(list.size()) {}
  TensorList(const std::vector<Tensor>& list)
      : own_(list.begin(), list.end()), data_(own_.data()), size_(own_.size()) {}
  TensorList(const TensorList&) = delete;
  TensorList& operator=(const TensorList&) = delete;
  const ssp_tensor* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::vector<TensorRef> own_;
  const ssp_tensor* data_;
  size_t size_;
};

struct Default {};  // the operator's own default
struct DeviceOf {   // the device of that tensor
  const Tensor& tensor;
};
struct Generator {  // from Call::generator
  ssp_value value;
};

// One argument of an operator.
class Arg {
 public:
  Arg(std::nullopt_t) : value_{SSP_V_NONE, 0, {}} {}
  Arg(Default) : value_{SSP_V_DEFAULT, 0, {}} {}
  Arg(const Tensor& t) : value_{t ? uint32_t{SSP_V_TENSOR} : uint32_t{SSP_V_NONE}, 0, {}} {
    value_.u.tensor = t.handle();
  }
  Arg(bool b) : value_{SSP_V_BOOL, 0, {}} { value_.u.i = b; }
  Arg(int i) : Arg(int64_t{i}) {}
  Arg(int64_t i) : value_{SSP_V_INT, 0, {}} { value_.u.i = i; }
  Arg(double d) : value_{SSP_V_DOUBLE, 0, {}} { value_.u.d = d; }
  Arg(const Scalar& s) : value_(s.raw()) {}
  Arg(const char* s) : value_{SSP_V_STR, static_cast<uint32_t>(std::strlen(s)), {}} { value_.u.s = s; }
  Arg(DType d) : value_{SSP_V_DTYPE, 0, {}} { value_.u.i = static_cast<int64_t>(d); }
  Arg(DeviceOf d) : value_{SSP_V_DEVICE_OF, 0, {}} { value_.u.tensor = d.tensor.handle(); }
  Arg(const Ints& l) : value_{SSP_V_INTS, static_cast<uint32_t>(l.size()), {}} { value_.u.ints = l.data(); }
  Arg(const TensorList& l) : value_{SSP_V_TENSORS, static_cast<uint32_t>(l.size()), {}} { value_.u.tensors = l.data(); }
  Arg(const Generator& g) : value_(g.value) {}
  template <class T>
  Arg(const std::optional<T>& o) : Arg(std::nullopt) {
    if (o) value_ = Arg(*o).value_;
  }

 private:
  ssp_value value_;
};
static_assert(sizeof(Arg) == sizeof(ssp_value), "arguments are handed over as they are");

namespace detail {
template <class Op>
struct OpOf {
  SSP_PER_PLUGIN static inline OpSlot slot{Op::name, Op::overload, Op::args, Op::optional};
};

constexpr size_t count_args(const char* args) {
  size_t n = *args != '\0';
  for (; *args; ++args) n += *args == ',';
  return n;
}

template <class Op, class... A>
void call_into(ssp_value* outs, uint32_t* n_outs, const A&... a) {
  static_assert(sizeof...(A) == count_args(Op::args), "as many arguments as SSP_OP names");
  const Arg args[] = {Arg(a)...};
  check(runtime.ops->call(OpOf<Op>::slot.op, reinterpret_cast<const ssp_value*>(args), sizeof...(A), outs, n_outs));
}
}  // namespace detail

template <class Op>
bool is_offered() {
  return detail::OpOf<Op>::slot.op != nullptr;
}

// The one result, whatever it is (numbers come as values).
template <class Op, class... A>
ssp_value call_value(const A&... a) {
  ssp_value out;
  uint32_t n = 1;
  detail::call_into<Op>(&out, &n, a...);
  return out;
}

// The one result, a tensor.
template <class Op, class... A>
Tensor call(const A&... a) {
  return Tensor(call_value<Op>(a...).u.tensor);
}

// Nothing wanted back: in-place operators.
template <class Op, class... A>
void call_void(const A&... a) {
  uint32_t n = 0;
  detail::call_into<Op>(nullptr, &n, a...);
}

// N results: const auto [values, indices] = call_n<aten::topk, 2>(x, k);
template <class Op, size_t N, class... A>
std::array<Tensor, N> call_n(const A&... a) {
  ssp_value out[N];
  uint32_t n = N;
  detail::call_into<Op>(out, &n, a...);
  std::array<Tensor, N> result;
  for (uint32_t i = 0; i < n && i < N; ++i) result[i] = Tensor(out[i].u.tensor);
  if (n != N)
    throw Error(SSP_E_OP,
                std::string(Op::name) + " gave " + std::to_string(n) + " results, expected " + std::to_string(N));
  return result;
}

// A list of at most `room` results.
template <class Op, class... A>
std::vector<Tensor> call_list(int64_t room, const A&... a) {
  std::vector<ssp_value> out(static_cast<size_t>(room));
  uint32_t n = static_cast<uint32_t>(room);
  detail::call_into<Op>(out.data(), &n, a...);
  std::vector<Tensor> result;
  result.reserve(n);
  for (uint32_t i = 0; i < n; ++i) result.emplace_back(out[i].u.tensor);
  return result;
}

}  // namespace v0
}  // namespace ssp
