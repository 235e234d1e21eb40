// SPDX-License-Identifier: Apache-2.0
// What a component of any kind is made of, and one of another plugin as its user holds it. Kinds that no host knows are
// built on both: the table begins with ssp_table_head, whoever asks for the kind knows the rest.
#pragma once
#include "ssp/cpp/scope.hpp"
#include "ssp/registry.h"

namespace ssp {
inline namespace v0 {

// The functions with which every table begins, for a class with `static const char* schema()` and a constructor that
// takes a Scope.
template <class T>
struct ComponentOf {
  static T& of(ssp_component self) noexcept { return *static_cast<T*>(self); }
  static ssp_str schema() noexcept {
    const char* text = "";
    guarded([&] { text = T::schema(); });
    return to_str(text);
  }
  static ssp_status create(ssp_build* build, ssp_component* out) noexcept {
    return guarded([&] { *out = new T(Scope(build)); });
  }
  static void destroy(ssp_component self) noexcept {
    guarded([&] { delete &of(self); });
  }
};

// The component that the node of `at` names by its `type`, of whatever plugin; `at` comes from Scope::child. The host
// owns it until the user's component is destroyed. Of the SDK's kinds: Backbone and TokensBackbone.
template <class Table>
struct Requested {
  const Table* table = nullptr;
  ssp_component self = nullptr;
  Requested(const Scope& at, const char* kind) {
    const void* found = nullptr;
    check(detail::registry().create(at.build(), kind, &found, &self));
    table = static_cast<const Table*>(found);
  }
};

}  // namespace v0
}  // namespace ssp
