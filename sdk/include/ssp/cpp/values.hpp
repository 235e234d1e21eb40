// SPDX-License-Identifier: Apache-2.0
// Values of the configuration and facts of the run as C++ types, with errors that name the key.
#pragma once
#include "ssp/cpp/tensor.hpp"

namespace ssp {
inline namespace v0 {
namespace detail {

// What `get(key, otherwise)` gives for a default of type T: 4 is an int64_t, 0.5 a double, "x" a string.
template <class T>
using ConfigType = std::conditional_t<
    std::is_same_v<T, bool>, bool,
    std::conditional_t<std::is_integral_v<T>, int64_t,
                       std::conditional_t<std::is_floating_point_v<T>, double,
                                          std::conditional_t<std::is_convertible_v<T, std::string>, std::string, T>>>>;

inline const char* kind_name(uint32_t kind) {
  switch (kind) {
    case SSP_V_INT:
      return "an integer";
    case SSP_V_DOUBLE:
      return "a number";
    case SSP_V_BOOL:
      return "true or false";
    case SSP_V_STR:
      return "a string";
    case SSP_V_INTS:
      return "a list of integers";
    case SSP_V_DOUBLES:
      return "a list of numbers";
    case SSP_V_BOOLS:
      return "a list of true and false";
    default:
      return "something else";
  }
}

[[noreturn]] inline void wrong_kind(const std::string& key, const char* expected, const ssp_value& found) {
  throw Error(SSP_E_CONFIG, "`" + key + "` must be " + expected + ", found " + kind_name(found.kind));
}

// An int may stand for a double, and one number for a list of it; nothing else is converted.
template <class T>
T from_value(const ssp_value& v, const std::string& key) {
  if constexpr (std::is_same_v<T, bool>) {
    if (v.kind != SSP_V_BOOL) wrong_kind(key, "true or false", v);
    return v.u.i != 0;
  } else if constexpr (std::is_same_v<T, int64_t>) {
    if (v.kind != SSP_V_INT) wrong_kind(key, "an integer", v);
    return v.u.i;
  } else if constexpr (std::is_same_v<T, double>) {
    if (v.kind != SSP_V_DOUBLE && v.kind != SSP_V_INT) wrong_kind(key, "a number", v);
    return v.kind == SSP_V_INT ? static_cast<double>(v.u.i) : v.u.d;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (v.kind != SSP_V_STR) wrong_kind(key, "a string", v);
    return std::string(v.u.s, v.count);
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    if (v.kind == SSP_V_INT) return {v.u.i};
    if (v.kind != SSP_V_INTS) wrong_kind(key, "a list of integers", v);
    return std::vector<int64_t>(v.u.ints, v.u.ints + v.count);
  } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
    if (v.kind != SSP_V_BOOLS) wrong_kind(key, "a list of true and false", v);
    return std::vector<bool>(v.u.bools, v.u.bools + v.count);
  } else {
    static_assert(std::is_same_v<T, std::vector<double>>, "a type that the configuration can hold");
    if (v.kind == SSP_V_INT || v.kind == SSP_V_DOUBLE) return {from_value<double>(v, key)};
    if (v.kind == SSP_V_INTS) return std::vector<double>(v.u.ints, v.u.ints + v.count);
    if (v.kind != SSP_V_DOUBLES) wrong_kind(key, "a list of numbers", v);
    return std::vector<double>(v.u.doubles, v.u.doubles + v.count);
  }
}

template <class T>
std::optional<T> fact(ssp_build* build, const char* name) {
  ssp_value v{};
  check(config().fact(build, to_str(name), &v));
  if (v.kind == SSP_V_NONE) return std::nullopt;
  try {
    return from_value<T>(v, name);
  } catch (const Error& e) {  // no user's mistake
    throw Error(SSP_E_ARGUMENT, std::string("fact: ") + e.what());
  }
}

}  // namespace detail

// What an algorithm's `defaults` may ask of the run; none: not known yet.
class Facts {
 public:
  explicit Facts(ssp_build* build) : build_(build) {}
  template <class T = int64_t>
  std::optional<T> get(const char* name) const {
    return detail::fact<T>(build_, name);
  }

 private:
  ssp_build* build_;
};

}  // namespace v0
}  // namespace ssp
