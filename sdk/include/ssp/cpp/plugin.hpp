// SPDX-License-Identifier: Apache-2.0
// The entry of a plugin: everything of the C++ layer in one include, and the macro that names its components.
//
//   SSP_PLUGIN(ssp::algorithm<MAE>("MAE"), ssp::tokens<ViT>("MAEViT"), ssp::backbone<ViT>("MAEViT"))
//
// once, in one source file, at namespace scope. It makes the entry and, under CMake's selfsup_add_plugin, the note that
// hosts read before they load the file: so what a plugin provides stands in one place, here.
#pragma once
#include "ssp/cpp/adapters.hpp"
#include "ssp/cpp/autograd.hpp"
#include "ssp/cpp/batch_norm.hpp"
#include "ssp/cpp/dist.hpp"
#include "ssp/cpp/ema.hpp"
#include "ssp/cpp/json.hpp"
#include "ssp/cpp/log.hpp"
#include "ssp/cpp/modes.hpp"
#include "ssp/cpp/nn.hpp"
#include "ssp/cpp/norm_act.hpp"
#include "ssp/cpp/note.hpp"
#include "ssp/cpp/ops.hpp"

namespace ssp {
inline namespace v0 {

template <class T>
constexpr ComponentEntry algorithm(const char* name) {
  return {SSP_KIND_ALGORITHM, name, &detail::AlgorithmOf<T>::table};
}
template <class T>
constexpr ComponentEntry backbone(const char* name) {
  return {SSP_KIND_BACKBONE, name, &detail::BackboneOf<T>::table};
}
template <class T>
constexpr ComponentEntry tokens(const char* name) {
  return {SSP_KIND_BACKBONE_TOKENS, name, &detail::TokensOf<T>::table};
}
template <class T>
constexpr ComponentEntry transform(const char* name) {
  return {SSP_KIND_TRANSFORM, name, &detail::TransformOf<T>::table};
}

namespace detail {
template <size_t N>
ssp_status find_component(const ComponentEntry (&entries)[N], ssp_str kind, ssp_str name, const void** table) noexcept {
  return guarded([&] {
    for (const ComponentEntry& e : entries)
      if (view(kind) == e.kind && view(name) == e.name) {
        *table = e.table;
        return;
      }
    throw Error(SSP_E_UNSUPPORTED,
                "this plugin has no " + std::string(view(kind)) + " named " + std::string(view(name)));
  });
}
inline void shutdown() noexcept {}
}  // namespace detail

}  // namespace v0
}  // namespace ssp

#define SSP_PLUGIN(...)                                                                               \
  namespace {                                                                                         \
  constexpr ssp::ComponentEntry ssp_plugin_components[] = {__VA_ARGS__};                              \
  ssp_status ssp_plugin_factory(ssp_str ssp_kind, ssp_str ssp_name, const void** ssp_out) noexcept {  \
    return ssp::detail::find_component(ssp_plugin_components, ssp_kind, ssp_name, ssp_out);           \
  }                                                                                                   \
  SSP_DEFINE_NOTE(ssp_plugin_components)                                                              \
  }                                                                                                   \
  extern "C" {                                                                                        \
  extern __attribute__((visibility("default"))) const ssp_plugin_entry ssp_plugin_v1;                 \
  const ssp_plugin_entry ssp_plugin_v1 = {sizeof(ssp_plugin_entry), SSP_ABI_MINOR, ssp::detail::init, \
                                          ssp::detail::shutdown, ssp_plugin_factory};                 \
  }                                                                                                   \
  static_assert(true, "a semicolon may follow")
