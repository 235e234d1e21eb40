// SPDX-License-Identifier: Apache-2.0
// From a class to the C table of its kind. Every function is noexcept and catches whatever the class throws. Functions
// that a class does not have are null in its table.
//
// Every kind:    static const char* schema();
//                explicit T(const Scope&);
// Algorithm:     Outputs training_step(const Batch&, const Call&);
//   may have     static std::string defaults(const Facts&);
//                static constexpr uint32_t caps;
//                Outputs features(const Tensor& images, const Call&, const Names& layers);
//                Outputs reconstruct(const Batch&, const Call&);
//                void on_event(const Call&, uint32_t event);
//                std::string save_state(uint32_t scope);
//                void load_state(uint32_t scope, std::string_view);
// Tokens:        void info(int64_t h, int64_t w, ssp_token_info&);
//                Tensor embed(const Tensor&, const Call&);
//                Positions positions(int64_t h, int64_t w, const Call&);
//                Tensor encode(const EncodeInput&, const Call&);
// Backbone:      std::vector<LayerInfo> layers(int64_t h, int64_t w);
//                Outputs forward(const Tensor&, const Call&);
// Transform:     void apply(Sample&) const;                 on several threads at once
#pragma once
#include <memory>

#include "ssp/cpp/backbone.hpp"
#include "ssp/cpp/batch.hpp"
#include "ssp/cpp/sample.hpp"

namespace ssp {
inline namespace v0 {

// A layer that a backbone emits; `name` must live as long as the component.
struct LayerInfo {
  std::string_view name;
  uint32_t shape;  // SSP_SHAPE_…
  int64_t channels, height = 0, width = 0, prefix = 0;
};

// What `encode` is given (ssp/backbone.h); empty tensors stand for none.
struct EncodeInput {
  Tensor tokens, ids, bias;
  int64_t height, width;
  const ssp_sink* sink;  // null: the result only
  void emit(std::string_view name, const Tensor& layer) const {
    if (sink && SSP_HAS(ssp_sink, sink, tensor)) check(sink->tensor(sink, to_str(name), layer.handle(), 0));
  }
};

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
SSP_OPTIONAL(on_event, "void on_event(const Call&, uint32_t event)",
             std::declval<T&>().on_event(std::declval<const Call&>(), uint32_t{}));
SSP_OPTIONAL(save_state, "std::string save_state(uint32_t scope)",
             std::string(std::declval<T&>().save_state(uint32_t{})));
SSP_OPTIONAL(load_state, "void load_state(uint32_t scope, std::string_view)",
             std::declval<T&>().load_state(uint32_t{}, std::string_view()));
#undef SSP_OPTIONAL

template <class T>
constexpr uint32_t caps_of() {
  if constexpr (has_caps<T>())
    return T::caps;
  else
    return 0;
}

// What every kind has.
template <class T>
struct Component {
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

template <class T>
struct AlgorithmOf : Component<T> {
  using Component<T>::of;
  static ssp_status defaults(ssp_build* build, const ssp_sink* sink) noexcept {
    return guarded([&] { emit_bytes(sink, T::defaults(Facts(build))); });
  }
  static ssp_status training_step(ssp_component self, ssp_call* call, const ssp_batch* batch,
                                  const ssp_sink* sink) noexcept {
    return guarded([&] { emit(sink, of(self).training_step(Batch(batch), Call(call, batch->size)), SSP_EMIT_LOSS); });
  }
  static ssp_status features(ssp_component self, ssp_call* call, ssp_tensor images, const ssp_str* layers, uint32_t n,
                             const ssp_sink* sink) noexcept {
    return guarded([&] {
      const Tensor x = Tensor::borrow(images);
      emit(sink, of(self).features(x, Call(call, x.size(0)), Names(layers, n)), 0);
    });
  }
  static ssp_status reconstruct(ssp_component self, ssp_call* call, const ssp_batch* batch,
                                const ssp_sink* sink) noexcept {
    return guarded([&] { emit(sink, of(self).reconstruct(Batch(batch), Call(call, batch->size)), SSP_EMIT_IMAGE); });
  }
  static ssp_status on_event(ssp_component self, ssp_call* call, uint32_t event) noexcept {
    return guarded([&] { of(self).on_event(Call(call, -1), event); });
  }
  static ssp_status save_state(ssp_component self, uint32_t scope, const ssp_sink* sink) noexcept {
    return guarded([&] {
      const std::string bytes = of(self).save_state(scope);
      if (!bytes.empty()) emit_bytes(sink, bytes);
    });
  }
  static ssp_status load_state(ssp_component self, uint32_t scope, const void* data, uint64_t size) noexcept {
    return guarded([&] { of(self).load_state(scope, {static_cast<const char*>(data), static_cast<size_t>(size)}); });
  }
  static constexpr ssp_algorithm make() {
    ssp_algorithm t{sizeof(ssp_algorithm),
                    caps_of<T>(),
                    Component<T>::schema,
                    nullptr,
                    Component<T>::create,
                    Component<T>::destroy,
                    training_step,
                    nullptr,
                    nullptr,
                    nullptr,
                    nullptr,
                    nullptr};
    if constexpr (has_defaults<T>()) t.defaults = defaults;
    if constexpr (has_features<T>()) t.features = features;
    if constexpr (has_reconstruct<T>()) t.reconstruct = reconstruct;
    if constexpr (has_on_event<T>()) t.on_event = on_event;
    if constexpr (has_save_state<T>()) t.save_state = save_state;
    if constexpr (has_load_state<T>()) t.load_state = load_state;
    return t;
  }
  SSP_PER_PLUGIN static constexpr ssp_algorithm table = make();
};

template <class T>
struct TokensOf : Component<T> {
  using Component<T>::of;
  static ssp_status info(ssp_component self, int64_t h, int64_t w, ssp_token_info* out) noexcept {
    return guarded([&] {
      ssp_token_info i{};
      of(self).info(h, w, i);
      i.struct_size = out->struct_size;
      std::memcpy(out, &i, out->struct_size < sizeof i ? out->struct_size : sizeof i);
    });
  }
  static ssp_status embed(ssp_component self, ssp_call* call, ssp_tensor images, ssp_tensor* out) noexcept {
    return guarded([&] {
      const Tensor x = Tensor::borrow(images);
      *out = of(self).embed(x, Call(call, x.size(0))).release();
    });
  }
  static ssp_status positions(ssp_component self, ssp_call* call, int64_t h, int64_t w, ssp_tensor* patch,
                              ssp_tensor* prefix) noexcept {
    return guarded([&] {
      Positions p = of(self).positions(h, w, Call(call, -1));
      *patch = p.patch.release();
      *prefix = p.prefix.release();
    });
  }
  static ssp_status encode(ssp_component self, ssp_call* call, const ssp_encode* in, ssp_tensor* out) noexcept {
    return guarded([&] {
      if (in->flags & 0xffffu) throw Error(SSP_E_ARGUMENT, "encode: unknown flags");
      const EncodeInput input = {
          Tensor::borrow(in->tokens), Tensor::borrow(in->ids), Tensor::borrow(in->bias), in->h, in->w, in->layers};
      *out = of(self).encode(input, Call(call, input.tokens.size(0))).release();
    });
  }
  SSP_PER_PLUGIN static constexpr ssp_backbone_tokens table = {sizeof(ssp_backbone_tokens),
                                                               caps_of<T>(),
                                                               Component<T>::schema,
                                                               Component<T>::create,
                                                               Component<T>::destroy,
                                                               info,
                                                               embed,
                                                               positions,
                                                               encode};
};

template <class T>
struct BackboneOf : Component<T> {
  using Component<T>::of;
  static ssp_status layer(ssp_component self, int64_t h, int64_t w, uint32_t index, ssp_layer_info* out) noexcept {
    return guarded([&] {
      const std::vector<LayerInfo> layers = of(self).layers(h, w);
      ssp_layer_info i{};
      if (index < layers.size()) {
        const LayerInfo& l = layers[index];
        i = {0, l.shape, to_str(l.name), l.channels, l.height, l.width, l.prefix};
      }
      i.struct_size = out->struct_size;
      std::memcpy(out, &i, out->struct_size < sizeof i ? out->struct_size : sizeof i);
    });
  }
  static ssp_status forward(ssp_component self, ssp_call* call, ssp_tensor images, const ssp_sink* sink) noexcept {
    return guarded([&] {
      const Tensor x = Tensor::borrow(images);
      emit(sink, of(self).forward(x, Call(call, x.size(0))), 0);
    });
  }
  SSP_PER_PLUGIN static constexpr ssp_backbone table = {sizeof(ssp_backbone),
                                                        caps_of<T>(),
                                                        Component<T>::schema,
                                                        Component<T>::create,
                                                        Component<T>::destroy,
                                                        layer,
                                                        forward};
};

template <class T>
struct TransformOf : Component<T> {
  static ssp_status apply(ssp_component self, const ssp_sample_api* api, ssp_sample* sample) noexcept {
    return guarded([&] {
      Sample s(api, sample);
      const_cast<const T&>(Component<T>::of(self)).apply(s);
    });
  }
  SSP_PER_PLUGIN static constexpr ssp_transform table = {
      sizeof(ssp_transform), caps_of<T>(), Component<T>::schema, Component<T>::create, Component<T>::destroy, apply};
};

}  // namespace detail
}  // namespace v0
}  // namespace ssp
