// Tensor: an owned handle to a tensor of the host, with the operators as members that read best so. Its operators are
// defined in ops.hpp.
#pragma once
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
  other = 0,  // a type that the SDK does not name
  f32 = SSP_F32,
  f64 = SSP_F64,
  f16 = SSP_F16,
  bf16 = SSP_BF16,
  i64 = SSP_I64,
  i32 = SSP_I32,
  u8 = SSP_U8,
  boolean = SSP_BOOL
};
inline constexpr DType f32 = DType::f32, f64 = DType::f64, f16 = DType::f16, bf16 = DType::bf16, i64 = DType::i64,
                       i32 = DType::i32, u8 = DType::u8, boolean = DType::boolean;

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
  std::vector<int64_t> vec() const { return {begin(), end()}; }

 private:
  const int64_t* data_;
  size_t size_;
};

// Copying retains, moving does not. Sizes and type are asked of the host once, then kept: operators cannot change them.
// THREAD: operators on the thread of the call or create in progress; destruction on any.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(ssp_tensor owned) noexcept : handle_(owned) {}
  Tensor(const Tensor& other) : handle_(other.handle_), info_(other.info_) {
    if (handle_.id) check(detail::runtime.ops->retain(handle_));
  }
  Tensor(Tensor&& other) noexcept : handle_(std::exchange(other.handle_, ssp_tensor{0})), info_(other.info_) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(handle_, other.handle_);
    info_ = other.info_;
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

  explicit operator bool() const noexcept { return handle_.id != 0; }
  ssp_tensor handle() const noexcept { return handle_; }
  ssp_tensor release() noexcept { return std::exchange(handle_, ssp_tensor{0}); }  // the caller owns it now

  int64_t dim() const { return info().ndim; }
  int64_t numel() const { return info().numel; }
  DType dtype() const { return static_cast<DType>(info().dtype); }
  bool is_cuda() const { return info().device_type == 1; }
  bool requires_grad() const {
    ssp_tensor_info now;
    check(detail::runtime.ops->info(handle_, &now, sizeof now));
    return now.requires_grad != 0;
  }
  // Negative counts from the end.
  int64_t size(int64_t d) const {
    const auto& i = info();
    const int64_t n = i.ndim;
    if (d < -n || d >= n)
      throw Error(SSP_E_ARGUMENT,
                  "size(" + std::to_string(d) + ") of a tensor of " + std::to_string(n) + " dimensions");
    return i.sizes[d < 0 ? d + n : d];
  }
  Ints sizes() const& { return {info().sizes, info().ndim}; }  // borrowed from this tensor
  Ints sizes() const&& = delete;
  // const auto [B, L, D] = x.sizes<3>();
  template <size_t N>
  std::array<int64_t, N> sizes() const {
    const auto& i = info();
    if (i.ndim != N)
      throw Error(SSP_E_ARGUMENT,
                  "expected a tensor of " + std::to_string(N) + " dimensions, found one of " + std::to_string(i.ndim));
    std::array<int64_t, N> out;
    for (size_t k = 0; k < N; ++k) out[k] = i.sizes[k];
    return out;
  }

  // As in ATen.
  SSP_IF_USED Tensor reshape(Ints shape) const;
  SSP_IF_USED Tensor view(Ints shape) const;
  SSP_IF_USED Tensor expand(Ints sizes) const;
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
  SSP_IF_USED Tensor pow(double exponent) const;
  SSP_IF_USED Tensor sqrt() const;
  SSP_IF_USED Tensor abs() const;
  SSP_IF_USED Tensor exp() const;
  SSP_IF_USED Tensor log() const;
  SSP_IF_USED Tensor neg() const;
  // In place; legal on parameters and buffers without gradients. The result is this tensor.
  SSP_IF_USED const Tensor& copy_(const Tensor& source) const;
  SSP_IF_USED const Tensor& fill_(double value) const;
  SSP_IF_USED const Tensor& zero_() const;
  SSP_IF_USED const Tensor& add_(const Tensor& other, double alpha = 1) const;
  template <class N, std::enable_if_t<std::is_arithmetic_v<N>, int> = 0>
  const Tensor& add_(N other) const;
  SSP_IF_USED const Tensor& mul_(const Tensor& other) const;
  SSP_IF_USED const Tensor& mul_(double other) const;
  SSP_IF_USED const Tensor& lerp_(const Tensor& end, double weight) const;

  // The one element, or all of them row by row. Waits for the device.
  SSP_IF_USED double item() const;
  template <class T>
  std::vector<T> to_vector() const;
  // A new dense tensor on the device of the run.
  template <class T>
  static Tensor from(const std::vector<T>& values, Ints shape);

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX;
  const ssp_tensor_info& info() const {
    if (info_.ndim == kUnknown) {
      ssp_tensor_info found;
      check(detail::runtime.ops->info(handle_, &found, sizeof found));
      info_ = found;
    }
    return info_;
  }
  ssp_tensor handle_{0};
  mutable ssp_tensor_info info_{kUnknown, 0, 0, 0, nullptr, 0, 0, 0};
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
}  // namespace detail

template <class T>
std::vector<T> Tensor::to_vector() const {
  std::vector<T> out(static_cast<size_t>(numel()));
  check(detail::runtime.ops->to_host(handle_, detail::DTypeOf<T>::value, out.data(), out.size() * sizeof(T)));
  return out;
}
template <class T>
Tensor Tensor::from(const std::vector<T>& values, Ints shape) {
  int64_t n = 1;
  for (int64_t s : shape) n *= s;
  if (n != static_cast<int64_t>(values.size())) throw Error(SSP_E_ARGUMENT, "Tensor::from: shape and length disagree");
  ssp_tensor out;
  check(detail::runtime.ops->from_host(values.data(), detail::DTypeOf<T>::value, shape.data(),
                                       static_cast<uint32_t>(shape.size()), &out));
  return Tensor(out);
}

}  // namespace v0
}  // namespace ssp
