// SPDX-License-Identifier: Apache-2.0
// Networks of other plugins, as their users see them, and what the authors of such networks are asked for.
#pragma once
#include "ssp/backbone.h"
#include "ssp/cpp/batch.hpp"
#include "ssp/cpp/component.hpp"

namespace ssp {
inline namespace v0 {

struct Positions {
  Tensor patch, prefix;  // [1, grid, dim], [1, prefix tokens, dim] or empty
};

// A layer that a backbone emits. Exactly one of its layers is the main one, which stands for the whole.
struct LayerInfo {
  std::string name;
  uint32_t shape;  // SSP_SHAPE_…
  int64_t channels, height = 0, width = 0, prefix = 0;
  bool main = false;
};

namespace detail {
// Gives each of `names` its tensor, whatever the order in which they are emitted.
class LayerCollector {
 public:
  explicit LayerCollector(const std::vector<std::string>& names) : names_(names), values_(names.size()) {
    for (const std::string& name : names) raw_.push_back(to_str(name));
  }
  LayerCollector(const LayerCollector&) = delete;
  LayerCollector& operator=(const LayerCollector&) = delete;
  const ssp_str* names() const { return raw_.data(); }
  uint32_t count() const { return static_cast<uint32_t>(raw_.size()); }
  const ssp_sink* sink() const { return &sink_; }
  std::vector<Tensor> take() {
    for (size_t i = 0; i < names_.size(); ++i)
      if (!values_[i]) throw Error(SSP_E_PLUGIN, "the backbone emitted no layer \"" + names_[i] + "\"");
    return std::move(values_);
  }

 private:
  static ssp_status collect(const ssp_sink* sink, ssp_str name, ssp_tensor value, uint32_t) noexcept {
    return guarded([&] {
      auto& all = *static_cast<LayerCollector*>(sink->receiver);
      for (size_t i = 0; i < all.names_.size(); ++i)
        if (view(name) == all.names_[i]) all.values_[i] = Tensor::borrow(value);
    });
  }
  const std::vector<std::string>& names_;
  std::vector<ssp_str> raw_;
  std::vector<Tensor> values_;
  const ssp_sink sink_ = {sizeof(ssp_sink), 0, this, collect, nullptr, nullptr};
};
}  // namespace detail

// Kind ssp.backbone.tokens: an encoder that takes a part of the patches.
class TokensBackbone {
 public:
  // The component that the node of `at` names; `at` comes from Scope::child.
  explicit TokensBackbone(const Scope& at) : part_(at, SSP_KIND_BACKBONE_TOKENS) {}

  // For images of height h and width w.
  ssp_token_info info(int64_t h, int64_t w) const {
    ssp_token_info i{};
    i.struct_size = sizeof i;
    check(part_.table->info(part_.self, h, w, &i));
    return i;
  }

  // What encode gives when layers are asked for too: the result, and [B, prefix + K, their dim] in the order asked for.
  struct Encoded {
    Tensor result;
    std::vector<Tensor> layers;
  };

  // The encoder inside one call, for images of one size. Dead with the call.
  class Bound {
   public:
    // images [B, C, H, W] -> [B, grid, dim], without positions.
    Tensor embed(const Tensor& images) const {
      ssp_tensor out{0};
      check(part().table->embed(part().self, call_.raw(), images.handle(), &out));
      return Tensor(out);
    }
    Positions positions() const {
      ssp_tensor patch{0}, prefix{0};
      check(part().table->positions(part().self, call_.raw(), h_, w_, &patch, &prefix));
      return {Tensor(patch), Tensor(prefix)};
    }
    // tokens [B, K, dim] with positions added -> [B, prefix + K, out_dim]. ids: i64 [B, K], the grid cell of each
    // token; empty: all cells in order. bias: added to the attention's logits.
    Tensor encode(const Tensor& tokens, const Tensor& ids = {}, const Tensor& bias = {}) const {
      return run(tokens, ids, bias, nullptr, 0, nullptr);
    }
    // The same, and layers by the names that info tells.
    Encoded encode_layers(const std::vector<std::string>& names, const Tensor& tokens, const Tensor& ids = {},
                          const Tensor& bias = {}) const {
      detail::LayerCollector collector(names);
      Tensor result = run(tokens, ids, bias, collector.names(), collector.count(), collector.sink());
      return {std::move(result), collector.take()};
    }
    ssp_token_info info() const { return owner_.info(h_, w_); }

   private:
    friend class TokensBackbone;
    Bound(const TokensBackbone& owner, const Call& call, int64_t h, int64_t w)
        : owner_(owner), call_(call), h_(h), w_(w) {}
    const Requested<ssp_backbone_tokens>& part() const { return owner_.part_; }
    Tensor run(const Tensor& tokens, const Tensor& ids, const Tensor& bias, const ssp_str* names, uint32_t n,
               const ssp_sink* layers) const {
      const ssp_encode in = {sizeof(ssp_encode), 0,     h_, w_, tokens.handle(), ids.handle(),
                             bias.handle(),      names, n,  0,  layers};
      ssp_tensor out{0};
      check(part().table->encode(part().self, call_.raw(), &in, &out));
      return Tensor(out);
    }
    const TokensBackbone& owner_;
    Call call_;
    int64_t h_, w_;
  };
  Bound at(const Call& call, const Tensor& images) const { return Bound(*this, call, images.size(2), images.size(3)); }

 private:
  Requested<ssp_backbone_tokens> part_;
};

// Kind ssp.backbone: images to feature maps, tokens or vectors.
class Backbone {
 public:
  explicit Backbone(const Scope& at) : part_(at, SSP_KIND_BACKBONE) {}

  // The layers that forward knows for images of h by w, and the one that stands for the whole.
  std::vector<LayerInfo> layers(int64_t h, int64_t w) const {
    std::vector<LayerInfo> all;
    const ssp_layer_sink sink = {sizeof(ssp_layer_sink), 0, &all, collect};
    check(part_.table->layers(part_.self, h, w, &sink));
    return all;
  }
  LayerInfo main_layer(int64_t h, int64_t w) const {
    for (LayerInfo& layer : layers(h, w))
      if (layer.main) return std::move(layer);
    throw Error(SSP_E_PLUGIN, "the backbone has no main layer");
  }
  // The main layer of images [B, C, h, w]. mask: bool or f32 [B, grid_h, grid_w], 1 where the patch is hidden, for
  // backbones that take one.
  Tensor operator()(const Tensor& images, const Call& call, const Tensor& mask = {}) const {
    Tensor main;
    const ssp_sink sink = {sizeof(ssp_sink), 0, &main, keep, nullptr, nullptr};
    run(images, call, mask, nullptr, 0, &sink);
    if (!main) throw Error(SSP_E_PLUGIN, "the backbone emitted nothing");
    return main;
  }
  // Layers by name, in the order asked for; no others are computed.
  std::vector<Tensor> forward(const Tensor& images, const Call& call, const std::vector<std::string>& names,
                              const Tensor& mask = {}) const {
    if (names.empty()) return {};
    detail::LayerCollector collector(names);
    run(images, call, mask, collector.names(), collector.count(), collector.sink());
    return collector.take();
  }

 private:
  void run(const Tensor& images, const Call& call, const Tensor& mask, const ssp_str* names, uint32_t n,
           const ssp_sink* layers) const {
    const ssp_forward in = {sizeof(ssp_forward), 0, images.handle(), mask.handle(), names, n, 0, layers};
    check(part_.table->forward(part_.self, call.raw(), &in));
  }
  static ssp_status collect(const ssp_layer_sink* sink, const ssp_layer_info* l) noexcept {
    return guarded([&] {
      static_cast<std::vector<LayerInfo>*>(sink->receiver)
          ->push_back({std::string(view(l->name)), l->shape, l->channels, l->height, l->width, l->prefix,
                       (l->flags & SSP_LAYER_MAIN) != 0});
    });
  }
  static ssp_status keep(const ssp_sink* sink, ssp_str, ssp_tensor value, uint32_t) noexcept {
    return guarded([&] { *static_cast<Tensor*>(sink->receiver) = Tensor::borrow(value); });
  }
  Requested<ssp_backbone> part_;
};

}  // namespace v0
}  // namespace ssp
