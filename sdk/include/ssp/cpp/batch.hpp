// SPDX-License-Identifier: Apache-2.0
// Batch: the views and fields of a step; Outputs: the named tensors that a step, features or a picture gives back.
#pragma once
#include <algorithm>

#include "ssp/algorithm.h"
#include "ssp/cpp/tensor.hpp"

namespace ssp {
inline namespace v0 {

// Borrowed for the call.
class Batch {
 public:
  explicit Batch(const ssp_batch* raw) : raw_(raw) {}
  int64_t size() const { return raw_->size; }
  uint32_t views() const { return raw_->n_views; }
  // f32 [B, C, H, W], normalised.
  Tensor view(uint32_t i) const {
    if (i >= raw_->n_views)
      throw Error(SSP_E_CONFIG, "the algorithm needs view " + std::to_string(i) + ", the pipeline gives " +
                                    std::to_string(raw_->n_views) + " view(s)");
    return Tensor::borrow(raw_->views[i]);
  }
  // "sample_index", "label", or what a transform set; empty where the batch has none. view -1: not of one view.
  Tensor field(std::string_view name, int32_t view = -1) const {
    ssp_tensor out{0};
    check(raw_->field(raw_, to_str(name), view, &out));
    return Tensor(out);
  }

 private:
  const ssp_batch* raw_;
};

struct Output {
  std::string name;
  Tensor value;
  uint32_t flags = 0;  // 0: what the function gives by default
};
// {{"loss", loss}, {"accuracy", a, SSP_EMIT_METRIC}}
using Outputs = std::vector<Output>;

// The features that the host asks for by name; empty: the one by which the algorithm is judged.
class Names {
 public:
  Names(const ssp_str* names, uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) names_.emplace_back(ssp::view(names[i]));
  }
  // The names asked for, or the first of `known` if there are none; a name that is not known is refused.
  std::vector<std::string> among(std::initializer_list<const char*> known) const {
    if (names_.empty()) return {*known.begin()};
    for (const std::string& name : names_) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      std::string text = "no feature is named \"" + name + "\"; known are";
      for (const char* k : known) text += std::string(k == *known.begin() ? " " : ", ") + k;
      throw Error(SSP_E_CONFIG, text);
    }
    return names_;
  }

 private:
  std::vector<std::string> names_;
};

namespace detail {
// Emits everything that the sink takes.
inline void emit(const ssp_sink* sink, const Outputs& outputs, uint32_t default_flags) {
  if (!sink || !SSP_HAS(ssp_sink, sink, tensor)) return;
  for (const Output& o : outputs)
    check(sink->tensor(sink, to_str(o.name), o.value.handle(), o.flags ? o.flags : default_flags));
}
inline void emit_bytes(const ssp_sink* sink, std::string_view bytes) {
  if (SSP_HAS(ssp_sink, sink, bytes)) check(sink->bytes(sink, bytes.data(), bytes.size()));
}
}  // namespace detail

}  // namespace v0
}  // namespace ssp
