// SPDX-License-Identifier: Apache-2.0
// Tensor: an owned handle to a tensor of the host, with the operators as members that read best so. Its operators are
// defined in ops.hpp.
#pragma once
#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "ssp/cpp/runtime.hpp"

// Before a function: it is compiled, and the operators that it calls are resolved, only where a plugin uses it.
#define SSP_IF_USED template <class = void>

namespace ssp {
inline namespace v0 {

enum class DType : int32_t {
  f32 = SSP_F32,
  f64 = SSP_F64,
  f16 = SSP_F16,
  bf16 = SSP_BF16,
  i64 = SSP_I64,
  i32 = SSP_I32,
  u8 = SSP_U8,
  boolean = SSP_BOOL,
  c64 = SSP_C64,
  c128 = SSP_C128
};
inline constexpr DType f32 = DType::f32, f64 = DType::f64, f16 = DType::f16, bf16 = DType::bf16, i64 = DType::i64,
                       i32 = DType::i32, u8 = DType::u8, boolean = DType::boolean, c64 = DType::c64, c128 = DType::c128;

// A borrowed list of integers: {a, b}, a vector, an array. Lives as long as what it was made from.
class Ints {
 public:
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Winit-list-lifetime"  // used as a parameter only: the list outlives the call
#endif
  Ints(std::initializer_list<int64_t> list) : data_(list.begin()), size_(list.size()) {}
#pragma GCC diagnostic pop
  Ints(const std::vector<int64_t>& list) : data_(list.data()), size_(list.size()) {}
  template <size_t N>
  Ints(const std::array<int64_t, N>& list) : data_(list.data()), size_(N) {}
  Ints(const int64_t* data, size_t size) : data_(data), size_(size) {}
  const int64_t* data() const { return data_; }
  size_t size() const { return size_; }
  const int64_t* begin() const { return data_; }
  const int64_t* end() const { return data_ + size_; }
  int64_t operator[](size_t i) const { return data_[i]; }

 private:
  const int64_t* data_;
  size_t size_;
};

// A number as an argument of an operator. It keeps its kind, since that decides the type of the result: an integer
// tensor times 2 stays one, times 2.0 does not.
class Scalar {
 public:
  template <class N, std::enable_if_t<std::is_arithmetic_v<N>, int> = 0>
  Scalar(N n) {
    if constexpr (std::is_floating_point_v<N>) {
      value_.kind = SSP_V_DOUBLE;
      value_.u.d = static_cast<double>(n);
    } else {
      value_.kind = std::is_same_v<N, bool> ? SSP_V_BOOL : SSP_V_INT;
      value_.u.i = static_cast<int64_t>(n);
    }
  }
  const ssp_value& raw() const { return value_; }

 private:
  ssp_value value_{};
};

// Copying retains, moving does not. Sizes and type are asked of the host once, then kept: operators cannot change them.
// THREAD: operators on the thread of the call or create in progress; destruction on any.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(ssp_tensor owned) noexcept : handle_(owned) {}
  Tensor(const Tensor& other) : handle_(other.handle_) {
    if (handle_.id) check(detail::runtime.ops->retain(handle_));
  }
  Tensor(Tensor&& other) noexcept
      : handle_(std::exchange(other.handle_, ssp_tensor{0})), shape_(std::exchange(other.shape_, std::nullopt)) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(shape_, other.shape_);
    return *this;
  }
  ~Tensor() {
    if (handle_.id) detail::runtime.ops->release(handle_);
  }
  // A second owner of a handle that somebody else keeps. Id 0 gives an empty tensor.
  static Tensor borrow(ssp_tensor handle) {
    if (handle.id) check(detail::runtime.ops->retain(handle));
    return Tensor(handle);
  }

  // Whether there is a tensor at all, and only of one that has a name: `if (x > 0)` would ask whether a comparison gave
  // a result, so it does not compile. Its truth is (x > 0).all().item() != 0.
  explicit operator bool() const& noexcept { return handle_.id != 0; }
  explicit operator bool() const&& = delete;
  ssp_tensor handle() const noexcept { return handle_; }
  ssp_tensor release() noexcept {  // the caller owns it now
    shape_.reset();
    return std::exchange(handle_, ssp_tensor{0});
  }

  int64_t dim() const { return static_cast<int64_t>(shape().sizes.size()); }
  int64_t numel() const { return shape().numel; }
  DType dtype() const { return shape().dtype; }
  // As it is now: parameters move to the device of the run after create.
  bool is_cuda() const { return ask().device_type == SSP_DEVICE_CUDA; }
  bool requires_grad() const { return ask().requires_grad != 0; }
  // Negative counts from the end.
  int64_t size(int64_t d) const {
    const std::vector<int64_t>& all = shape().sizes;
    const auto n = static_cast<int64_t>(all.size());
    if (d < -n || d >= n)
      throw Error(SSP_E_ARGUMENT,
                  "size(" + std::to_string(d) + ") of a tensor of " + std::to_string(n) + " dimensions");
    return all[static_cast<size_t>(d < 0 ? d + n : d)];
  }
  Ints sizes() const& { return shape().sizes; }  // borrowed from this object
  Ints sizes() const&& = delete;
  // const auto [B, L, D] = x.sizes<3>();
  template <size_t N>
  std::array<int64_t, N> sizes() const {
    const std::vector<int64_t>& all = shape().sizes;
    if (all.size() != N)
      throw Error(SSP_E_ARGUMENT, "expected a tensor of " + std::to_string(N) + " dimensions, found one of " +
                                      std::to_string(all.size()));
    std::array<int64_t, N> out;
    std::copy(all.begin(), all.end(), out.begin());
    return out;
  }

  // As in ATen.
  SSP_IF_USED Tensor operator[](int64_t index) const;  // select(0, index)
  SSP_IF_USED Tensor reshape(Ints shape) const;
  SSP_IF_USED Tensor view(Ints shape) const;
  SSP_IF_USED Tensor expand(Ints sizes) const;
  SSP_IF_USED Tensor repeat(Ints repeats) const;
  SSP_IF_USED Tensor transpose(int64_t dim0, int64_t dim1) const;
  SSP_IF_USED Tensor t() const;
  SSP_IF_USED Tensor permute(Ints dims) const;
  SSP_IF_USED Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1) const;
  SSP_IF_USED Tensor unsqueeze(int64_t dim) const;
  SSP_IF_USED Tensor squeeze(int64_t dim) const;
  SSP_IF_USED Tensor select(int64_t dim, int64_t index) const;
  SSP_IF_USED Tensor slice(int64_t dim, int64_t start, std::optional<int64_t> end = {}) const;
  SSP_IF_USED Tensor narrow(int64_t dim, int64_t start, int64_t length) const;
  SSP_IF_USED Tensor index_select(int64_t dim, const Tensor& index) const;
  SSP_IF_USED Tensor contiguous() const;
  SSP_IF_USED Tensor clone() const;
  SSP_IF_USED Tensor detach() const;
  SSP_IF_USED Tensor to(DType dtype) const;
  SSP_IF_USED Tensor sum() const;
  SSP_IF_USED Tensor sum(Ints dims, bool keepdim = false) const;
  SSP_IF_USED Tensor sum(int64_t dim, bool keepdim = false) const { return sum(Ints{dim}, keepdim); }
  SSP_IF_USED Tensor mean() const;
  SSP_IF_USED Tensor mean(Ints dims, bool keepdim = false) const;
  SSP_IF_USED Tensor mean(int64_t dim, bool keepdim = false) const { return mean(Ints{dim}, keepdim); }
  // Two numbers are no dimension and keepdim: mean({1, 2}).
  Tensor sum(int64_t, int) const = delete;
  Tensor mean(int64_t, int) const = delete;
  SSP_IF_USED Tensor norm() const;  // of all elements, as of one vector
  SSP_IF_USED Tensor norm(double p, Ints dims, bool keepdim = false) const;
  SSP_IF_USED Tensor max() const;
  SSP_IF_USED Tensor min() const;
  SSP_IF_USED Tensor all() const;
  SSP_IF_USED Tensor any() const;
  SSP_IF_USED Tensor argmax(int64_t dim, bool keepdim = false) const;
  SSP_IF_USED Tensor softmax(int64_t dim) const;
  SSP_IF_USED Tensor log_softmax(int64_t dim) const;
  SSP_IF_USED Tensor relu() const;
  SSP_IF_USED Tensor sigmoid() const;
  SSP_IF_USED Tensor tanh() const;
  SSP_IF_USED Tensor clamp(std::optional<Scalar> low, std::optional<Scalar> high = {}) const;
  SSP_IF_USED Tensor pow(Scalar exponent) const;
  SSP_IF_USED Tensor sqrt() const;
  SSP_IF_USED Tensor abs() const;
  SSP_IF_USED Tensor exp() const;
  SSP_IF_USED Tensor log() const;
  SSP_IF_USED Tensor neg() const;

  // In place; legal on parameters and buffers without gradients. The result is this tensor.
  SSP_IF_USED const Tensor& copy_(const Tensor& source) const;
  SSP_IF_USED const Tensor& fill_(Scalar value) const;
  SSP_IF_USED const Tensor& zero_() const;
  SSP_IF_USED const Tensor& add_(const Tensor& other, Scalar alpha = 1) const;
  SSP_IF_USED const Tensor& add_(Scalar other) const;
  SSP_IF_USED const Tensor& sub_(const Tensor& other, Scalar alpha = 1) const;
  SSP_IF_USED const Tensor& sub_(Scalar other) const;
  SSP_IF_USED const Tensor& mul_(const Tensor& other) const;
  SSP_IF_USED const Tensor& mul_(Scalar other) const;
  SSP_IF_USED const Tensor& div_(const Tensor& other) const;
  SSP_IF_USED const Tensor& div_(Scalar other) const;
  SSP_IF_USED const Tensor& lerp_(const Tensor& end, double weight) const;
  SSP_IF_USED const Tensor& lerp_(const Tensor& end, const Tensor& weight) const;
  // As in PyTorch these change the tensor itself, so every other name of it sees the change, and the result keeps its
  // type and size. `x = x + y` makes a new one.
  template <class T>
  Tensor& operator+=(const T& other) & {
    add_(other);
    return *this;
  }
  template <class T>
  Tensor& operator-=(const T& other) & {
    sub_(other);
    return *this;
  }
  template <class T>
  Tensor& operator*=(const T& other) & {
    mul_(other);
    return *this;
  }
  template <class T>
  Tensor& operator/=(const T& other) & {
    div_(other);
    return *this;
  }

  // The one element, or all of them row by row. Waits for the device.
  SSP_IF_USED double item() const;
  template <class T>
  std::vector<T> to_vector() const;

 private:
  struct Shape {
    DType dtype;
    int64_t numel;
    std::vector<int64_t> sizes;
  };
  ssp_tensor_info ask() const {
    ssp_tensor_info now{};
    now.struct_size = sizeof now;
    check(detail::runtime.ops->info(handle_, &now));
    return now;
  }
  const Shape& shape() const {
    if (!shape_) {
      const ssp_tensor_info now = ask();
      shape_ = {static_cast<DType>(now.dtype), now.numel, {now.sizes, now.sizes + now.ndim}};
    }
    return *shape_;
  }
  ssp_tensor handle_{0};
  mutable std::optional<Shape> shape_;  // asked for once
};

namespace detail {
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> : std::integral_constant<int32_t, SSP_F32> {};
template <>
struct DTypeOf<double> : std::integral_constant<int32_t, SSP_F64> {};
template <>
struct DTypeOf<int64_t> : std::integral_constant<int32_t, SSP_I64> {};
template <>
struct DTypeOf<int32_t> : std::integral_constant<int32_t, SSP_I32> {};
template <>
struct DTypeOf<uint8_t> : std::integral_constant<int32_t, SSP_U8> {};
template <>
struct DTypeOf<bool> : std::integral_constant<int32_t, SSP_BOOL> {};

// The elements of a vector as they cross: its own memory, or a byte each for bools.
template <class T>
class Elements {
 public:
  explicit Elements(const std::vector<T>& values) : data_(values.data()) {}
  const void* data() const { return data_; }

 private:
  const T* data_;
};
template <>
class Elements<bool> {
 public:
  explicit Elements(const std::vector<bool>& values) : bytes_(values.begin(), values.end()) {}
  const void* data() const { return bytes_.data(); }

 private:
  std::vector<uint8_t> bytes_;
};

inline void check_length(size_t length, Ints sizes, const char* where) {
  int64_t n = 1;
  bool good = true;
  for (int64_t s : sizes) good = good && s >= 0 && !__builtin_mul_overflow(n, s, &n);
  if (!good || n != static_cast<int64_t>(length))
    throw Error(SSP_E_ARGUMENT, std::string(where) + ": " + std::to_string(length) +
                                    " values, and sizes whose product is another number");
}
}  // namespace detail

template <class T>
std::vector<T> Tensor::to_vector() const {
  using Element = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;
  std::vector<Element> out(static_cast<size_t>(numel()));
  check(detail::runtime.ops->to_host(handle_, detail::DTypeOf<T>::value, out.data(), out.size() * sizeof(Element)));
  if constexpr (std::is_same_v<T, bool>)
    return {out.begin(), out.end()};
  else
    return out;
}

}  // namespace v0
}  // namespace ssp
