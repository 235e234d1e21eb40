// SPDX-License-Identifier: Apache-2.0
// Networks of other plugins, as their users see them. The host owns them until the user's component is destroyed.
#pragma once
#include "ssp/backbone.h"
#include "ssp/cpp/call.hpp"
#include "ssp/cpp/scope.hpp"

namespace ssp {
inline namespace v0 {

namespace detail {
template <class Table>
const Table* create_component(const Scope& at, const char* kind, ssp_component& self) {
  const void* table = nullptr;
  check(registry().create(at.build(), kind, &table, &self));
  return static_cast<const Table*>(table);
}
}  // namespace detail

struct Positions {
  Tensor patch, prefix;  // [1, grid, dim], [1, prefix tokens, dim] or empty
};

// Kind ssp.backbone.tokens: an encoder that takes a part of the patches.
class TokensBackbone {
 public:
  // The component that the node of `at` names; `at` comes from Scope::child.
  explicit TokensBackbone(const Scope& at)
      : table_(detail::create_component<ssp_backbone_tokens>(at, SSP_KIND_BACKBONE_TOKENS, self_)) {}

  // For images of height h and width w.
  ssp_token_info info(int64_t h, int64_t w) const {
    ssp_token_info i{};
    i.struct_size = sizeof i;
    check(table_->info(self_, h, w, &i));
    return i;
  }

  // The encoder inside one call, for images of one size. Dead with the call.
  class Bound {
   public:
    // images [B, C, H, W] -> [B, grid, dim], without positions.
    Tensor embed(const Tensor& images) const {
      ssp_tensor out;
      check(owner_.table_->embed(owner_.self_, call_.raw(), images.handle(), &out));
      return Tensor(out);
    }
    Positions positions() const {
      ssp_tensor patch{0}, prefix{0};
      check(owner_.table_->positions(owner_.self_, call_.raw(), h_, w_, &patch, &prefix));
      return {Tensor(patch), Tensor(prefix)};
    }
    // tokens [B, K, dim] with positions added -> [B, prefix + K, out_dim]. ids: i64 [B, K], the grid cell of each
    // token; empty: all cells in order. bias: added to the attention's logits.
    Tensor encode(const Tensor& tokens, const Tensor& ids = {}, const Tensor& bias = {}) const {
      const ssp_encode in = {sizeof(ssp_encode), 0, h_, w_, tokens.handle(), ids.handle(), bias.handle(), nullptr};
      ssp_tensor out;
      check(owner_.table_->encode(owner_.self_, call_.raw(), &in, &out));
      return Tensor(out);
    }
    ssp_token_info info() const { return owner_.info(h_, w_); }

   private:
    friend class TokensBackbone;
    Bound(const TokensBackbone& owner, const Call& call, int64_t h, int64_t w)
        : owner_(owner), call_(call), h_(h), w_(w) {}
    const TokensBackbone& owner_;
    Call call_;
    int64_t h_, w_;
  };
  Bound at(const Call& call, const Tensor& images) const { return Bound(*this, call, images.size(2), images.size(3)); }

 private:
  ssp_component self_ = nullptr;
  const ssp_backbone_tokens* table_;
};

// Kind ssp.backbone: images to feature maps, tokens or vectors.
class Backbone {
 public:
  struct Layer {
    std::string name;
    Tensor value;
  };

  explicit Backbone(const Scope& at) : table_(detail::create_component<ssp_backbone>(at, SSP_KIND_BACKBONE, self_)) {}

  // The layers that forward emits for images of h by w, in order; names live as long as the component.
  std::vector<ssp_layer_info> layers(int64_t h, int64_t w) const {
    std::vector<ssp_layer_info> all;
    for (uint32_t i = 0;; ++i) {
      ssp_layer_info info{};
      info.struct_size = sizeof info;
      check(table_->layer(self_, h, w, i, &info));
      if (info.shape == SSP_SHAPE_NONE) return all;
      all.push_back(info);
    }
  }
  // Every layer of images [B, C, h, w].
  std::vector<Layer> forward(const Tensor& images, const Call& call) const {
    std::vector<Layer> all;
    const ssp_sink sink = {sizeof(ssp_sink), 0, &all, collect, nullptr};
    check(table_->forward(self_, call.raw(), images.handle(), &sink));
    return all;
  }
  // The last one.
  Tensor operator()(const Tensor& images, const Call& call) const {
    Tensor last;
    const ssp_sink sink = {sizeof(ssp_sink), 0, &last, keep_last, nullptr};
    check(table_->forward(self_, call.raw(), images.handle(), &sink));
    if (!last) throw Error(SSP_E_PLUGIN, "the backbone emitted nothing");
    return last;
  }

 private:
  static ssp_status collect(const ssp_sink* sink, ssp_str name, ssp_tensor value, uint32_t) noexcept {
    return detail::guarded([&] {
      static_cast<std::vector<Layer>*>(sink->receiver)->push_back({std::string(view(name)), Tensor::borrow(value)});
    });
  }
  static ssp_status keep_last(const ssp_sink* sink, ssp_str, ssp_tensor value, uint32_t) noexcept {
    return detail::guarded([&] { *static_cast<Tensor*>(sink->receiver) = Tensor::borrow(value); });
  }
  ssp_component self_ = nullptr;
  const ssp_backbone* table_;
};

}  // namespace v0
}  // namespace ssp
