// SPDX-License-Identifier: Apache-2.0
// Which optional functions a class has: found by name, and an error at compile time where one is there that cannot be
// called. Knows the signatures of every kind, no tables.
#pragma once
#include "ssp/cpp/backbone.hpp"
#include "ssp/cpp/batch.hpp"

namespace ssp {
inline namespace v0 {
namespace detail {

// has_NAME<T>(): whether T has a member of that name, whatever its access, and however often it is overloaded; then the
// expression must compile, so that no function is left out in silence. (A final class shows only what compiles.)
struct Nothing {};
#define SSP_OPTIONAL(name, signature, expression)                                                    \
  struct Named_##name {                                                                              \
    int name;                                                                                        \
  };                                                                                                 \
  template <class T>                                                                                 \
  struct Both_##name : std::conditional_t<std::is_final_v<T>, Nothing, T>, Named_##name {};          \
  template <class T, class = void>                                                                   \
  struct Ambiguous_##name : std::true_type {};                                                       \
  template <class T>                                                                                 \
  struct Ambiguous_##name<T, std::void_t<decltype(&Both_##name<T>::name)>> : std::false_type {};     \
  template <class T, class = void>                                                                   \
  struct Compiles_##name : std::false_type {};                                                       \
  template <class T>                                                                                 \
  struct Compiles_##name<T, std::void_t<decltype(expression)>> : std::true_type {};                  \
  template <class T>                                                                                 \
  constexpr bool has_##name() {                                                                      \
    constexpr bool compiles = Compiles_##name<T>::value;                                             \
    static_assert(compiles || !Ambiguous_##name<T>::value,                                           \
                  "a member named `" #name "` is there, but it is not this public one: " signature); \
    return compiles;                                                                                 \
  }                                                                                                  \
  static_assert(true, "a semicolon may follow")
SSP_OPTIONAL(caps, "static constexpr uint32_t caps", uint32_t{T::caps});
SSP_OPTIONAL(defaults, "static std::string defaults(const Facts&)",
             std::string(T::defaults(std::declval<const Facts&>())));
SSP_OPTIONAL(features, "Outputs features(const Tensor& images, const Call&, const Names& layers)",
             Outputs(std::declval<T&>().features(std::declval<const Tensor&>(), std::declval<const Call&>(),
                                                 std::declval<const Names&>())));
SSP_OPTIONAL(reconstruct, "Outputs reconstruct(const Batch&, const Call&)",
             Outputs(std::declval<T&>().reconstruct(std::declval<const Batch&>(), std::declval<const Call&>())));
SSP_OPTIONAL(on_event, "void on_event(const Call&, const Event&)",
             std::declval<T&>().on_event(std::declval<const Call&>(), std::declval<const Event&>()));
SSP_OPTIONAL(save_state, "std::string save_state(uint32_t scope)",
             std::string(std::declval<T&>().save_state(uint32_t{})));
SSP_OPTIONAL(load_state, "void load_state(uint32_t scope, std::string_view)",
             std::declval<T&>().load_state(uint32_t{}, std::string_view()));
SSP_OPTIONAL(names, "NamePairs names(std::string_view format)",
             NamePairs(std::declval<T&>().names(std::string_view())));
SSP_OPTIONAL(takes_mask, "static constexpr bool takes_mask", bool{T::takes_mask});
SSP_OPTIONAL(edits, "static constexpr uint32_t edits[]", uint32_t{T::edits[0]});
#undef SSP_OPTIONAL

}  // namespace detail
}  // namespace v0
}  // namespace ssp
