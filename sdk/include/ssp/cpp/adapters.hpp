// SPDX-License-Identifier: Apache-2.0
// From a class to the C table of its kind. Every function is noexcept and catches whatever the class throws. Functions
// that a class does not have are null in its table.
//
// Every kind:    static const char* schema();
//                explicit T(const Scope&);
//   but transforms may have
//                NamePairs names(std::string_view format);  for export; a format that it does not know: nothing
// Algorithm:     Outputs training_step(const Batch&, const Call&);
//   may have     static std::string defaults(const Facts&);
//                static constexpr uint32_t caps;            SSP_CAP_…
//                Outputs features(const Tensor& images, const Call&, const Names& layers);
//                Outputs reconstruct(const Batch&, const Call&);
//                void on_event(const Call&, const Event&);
//                std::string save_state(uint32_t scope);    both, or none
//                void load_state(uint32_t scope, std::string_view);
// Tokens:        void info(int64_t h, int64_t w, ssp_token_info&);
//                Tensor embed(const Tensor&, const Call&);
//                Positions positions(int64_t h, int64_t w, const Call&);
//                Tensor encode(const EncodeInput&, const Call&);
// Backbone:      std::vector<LayerInfo> layers(int64_t h, int64_t w);
//                Outputs forward(const ForwardInput&, const Call&);
//   may have     static constexpr bool takes_mask;          without it a mask is refused
// Transform:     void apply(Sample&) const;                 on several threads at once
//   may have     static constexpr uint32_t edits[];         the kinds of edits that it appends, SSP_EDIT_…
#pragma once
#include "ssp/cpp/optional.hpp"
#include "ssp/cpp/sample.hpp"

namespace ssp {
inline namespace v0 {

// What `encode` is given (ssp/backbone.h); empty tensors stand for none.
struct EncodeInput {
  Tensor tokens, ids, bias;
  int64_t height, width;
  Names layers;  // asked for beside the result: emit these
  const ssp_sink* sink;
  // Nothing happens where that layer is not wanted.
  void emit(std::string_view name, const Tensor& layer) const {
    if (layers.has(name) && SSP_HAS(ssp_sink, sink, tensor)) check(sink->tensor(sink, to_str(name), layer.handle(), 0));
  }
};

// What `forward` is given. `layers` holds at least one name, all of them known: these are wanted, and no others.
struct ForwardInput {
  Tensor images, mask;
  Names layers;
  bool wants(std::string_view name) const { return layers.has(name); }
};

namespace detail {

template <class T>
constexpr uint32_t caps_of() {
  if constexpr (has_caps<T>())
    return T::caps;
  else
    return 0;
}

// Beside what every component has, its names for export.
template <class T>
struct Named : ComponentOf<T> {
  static ssp_status names(ssp_component self, ssp_str format, const ssp_sink* sink) noexcept {
    return guarded([&] { emit_pairs(sink, ComponentOf<T>::of(self).names(view(format))); });
  }
};

// An out-struct: no more than both sides know, and the size of what was written.
template <class Struct>
void write_out(Struct value, Struct* out) {
  value.struct_size = std::min<uint32_t>(out->struct_size, sizeof value);
  std::memcpy(out, &value, value.struct_size);
}

template <class T>
struct AlgorithmOf : Named<T> {
  using ComponentOf<T>::of;
  static ssp_status defaults(ssp_build* build, const ssp_sink* sink) noexcept {
    return guarded([&] { emit_bytes(sink, T::defaults(Facts(build))); });
  }
  static ssp_status training_step(ssp_component self, ssp_call* raw, const ssp_batch* batch,
                                  const ssp_sink* sink) noexcept {
    return guarded([&] {
      const Call call(raw, batch->size);
      emit(call, sink, of(self).training_step(Batch(batch), call), SSP_EMIT_LOSS);
    });
  }
  static ssp_status features(ssp_component self, ssp_call* raw, ssp_tensor images, const ssp_str* layers, uint32_t n,
                             const ssp_sink* sink) noexcept {
    return guarded([&] {
      const Tensor x = Tensor::borrow(images);
      const Call call(raw, x.size(0));
      emit(call, sink, of(self).features(x, call, Names(layers, n)), 0);
    });
  }
  static ssp_status reconstruct(ssp_component self, ssp_call* raw, const ssp_batch* batch,
                                const ssp_sink* sink) noexcept {
    return guarded([&] {
      const Call call(raw, batch->size);
      emit(call, sink, of(self).reconstruct(Batch(batch), call), SSP_EMIT_IMAGE);
    });
  }
  static ssp_status on_event(ssp_component self, ssp_call* raw, const ssp_event* event) noexcept {
    return guarded([&] {
      const Call call(raw, -1);
      of(self).on_event(call, Event(event, call));
    });
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
    constexpr uint32_t caps = caps_of<T>(), both = SSP_CAP_CAPTURABLE | SSP_CAP_GRADIENTS;
    static_assert((caps & both) != both, "an algorithm that listens to gradients is not capturable");
    static_assert(!(caps & (SSP_CAP_GRADIENTS | SSP_CAP_EPOCH_BEGIN)) || has_on_event<T>(),
                  "SSP_CAP_GRADIENTS or SSP_CAP_EPOCH_BEGIN without on_event");
    static_assert(has_save_state<T>() == has_load_state<T>(), "save_state and load_state: both, or none");
    ssp_algorithm t{};
    t.struct_size = sizeof t;
    t.caps = caps;
    t.schema = ComponentOf<T>::schema;
    t.create = ComponentOf<T>::create;
    t.destroy = ComponentOf<T>::destroy;
    t.training_step = training_step;
    if constexpr (has_defaults<T>()) t.defaults = defaults;
    if constexpr (has_features<T>()) t.features = features;
    if constexpr (has_reconstruct<T>()) t.reconstruct = reconstruct;
    if constexpr (has_on_event<T>()) t.on_event = on_event;
    if constexpr (has_save_state<T>()) t.save_state = save_state;
    if constexpr (has_load_state<T>()) t.load_state = load_state;
    if constexpr (has_names<T>()) t.names = Named<T>::names;
    return t;
  }
  SSP_PER_PLUGIN static constexpr ssp_algorithm table = make();
};

template <class T>
struct TokensOf : Named<T> {
  using ComponentOf<T>::of;
  static ssp_token_info info_of(ssp_component self, int64_t h, int64_t w) {
    ssp_token_info i{};
    of(self).info(h, w, i);
    return i;
  }
  static ssp_status info(ssp_component self, int64_t h, int64_t w, ssp_token_info* out) noexcept {
    return guarded([&] { write_out(info_of(self, h, w), out); });
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
      const EncodeInput input = {Tensor::borrow(in->tokens),
                                 Tensor::borrow(in->ids),
                                 Tensor::borrow(in->bias),
                                 in->h,
                                 in->w,
                                 Names(in->names, in->n_names),
                                 in->layers};
      if (in->n_names) {
        const ssp_token_info i = info_of(self, in->h, in->w);
        std::vector<std::string_view> known;
        for (uint32_t k = 0; k < i.n_layers; ++k) known.push_back(view(i.layers[k]));
        input.layers.check_known(known);
      }
      *out = of(self).encode(input, Call(call, input.tokens.size(0))).release();
    });
  }
  static constexpr ssp_backbone_tokens make() {
    ssp_backbone_tokens t{};
    t.struct_size = sizeof t;
    t.caps = caps_of<T>();
    t.schema = ComponentOf<T>::schema;
    t.create = ComponentOf<T>::create;
    t.destroy = ComponentOf<T>::destroy;
    t.info = info;
    t.embed = embed;
    t.positions = positions;
    t.encode = encode;
    if constexpr (has_names<T>()) t.names = Named<T>::names;
    return t;
  }
  SSP_PER_PLUGIN static constexpr ssp_backbone_tokens table = make();
};

template <class T>
struct BackboneOf : Named<T> {
  using ComponentOf<T>::of;
  static ssp_status layers(ssp_component self, int64_t h, int64_t w, const ssp_layer_sink* sink) noexcept {
    return guarded([&] {
      for (const LayerInfo& l : of(self).layers(h, w)) {
        const ssp_layer_info raw = {sizeof(ssp_layer_info),
                                    l.shape,
                                    l.main ? uint32_t{SSP_LAYER_MAIN} : 0,
                                    0,
                                    to_str(l.name),
                                    l.channels,
                                    l.height,
                                    l.width,
                                    l.prefix};
        check(sink->layer(sink, &raw));
      }
    });
  }
  static ssp_status forward(ssp_component self, ssp_call* raw, const ssp_forward* in) noexcept {
    return guarded([&] {
      if (in->flags & 0xffffu) throw Error(SSP_E_ARGUMENT, "forward: unknown flags");
      ForwardInput input = {Tensor::borrow(in->images), Tensor::borrow(in->mask), Names(in->names, in->n_names)};
      if (input.mask && !takes_mask())
        throw Error(SSP_E_CONFIG, "this backbone takes no mask; choose one that does, or hide the patches before it");
      std::vector<std::string> known;
      for (const LayerInfo& l : of(self).layers(input.images.size(2), input.images.size(3))) {
        if (l.main && in->n_names == 0) input.layers = Names(std::vector<std::string>{l.name});
        known.push_back(l.name);
      }
      input.layers.check_known(known);
      const Call call(raw, input.images.size(0));
      Outputs wanted;
      for (Output& o : of(self).forward(input, call))
        if (input.wants(o.name)) wanted.push_back(std::move(o));
      emit(call, in->layers, wanted, 0);
    });
  }
  static constexpr bool takes_mask() {
    if constexpr (has_takes_mask<T>())
      return T::takes_mask;
    else
      return false;
  }
  static constexpr ssp_backbone make() {
    ssp_backbone t{};
    t.struct_size = sizeof t;
    t.caps = caps_of<T>();
    t.schema = ComponentOf<T>::schema;
    t.create = ComponentOf<T>::create;
    t.destroy = ComponentOf<T>::destroy;
    t.layers = layers;
    t.forward = forward;
    if constexpr (has_names<T>()) t.names = Named<T>::names;
    return t;
  }
  SSP_PER_PLUGIN static constexpr ssp_backbone table = make();
};

template <class T>
struct TransformOf : ComponentOf<T> {
  static ssp_status create(ssp_build* build, ssp_component* out) noexcept {
    if constexpr (has_edits<T>()) {
      const ssp_status asked = guarded([&] { check(edits().need(build, T::edits, std::size(T::edits))); });
      if (asked != SSP_OK) return asked;
    }
    return ComponentOf<T>::create(build, out);
  }
  static ssp_status apply(ssp_component self, const ssp_sample_api* api, ssp_sample* sample) noexcept {
    return guarded([&] {
      Sample s(api, sample);
      const_cast<const T&>(ComponentOf<T>::of(self)).apply(s);
    });
  }
  SSP_PER_PLUGIN static constexpr ssp_transform table = {
      sizeof(ssp_transform), caps_of<T>(), ComponentOf<T>::schema, create, ComponentOf<T>::destroy, apply};
};

}  // namespace detail
}  // namespace v0
}  // namespace ssp
