// SPDX-License-Identifier: Apache-2.0
// Batch: the views and fields of a step. Output: a named tensor or number that a step, features or a picture gives
// back. Event: what happened, and where its metrics go. Names: what the caller asks for.
#pragma once
#include <algorithm>

#include "ssp/algorithm.h"
#include "ssp/cpp/call.hpp"

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

// A tensor, flagged as the function that gives it does by default (a step: SSP_EMIT_LOSS); or a number, which is logged
// only. Of a captured step the number stays what it was when the step was captured.
struct Output {
  std::string name;
  Tensor value;
  std::optional<double> number;
  uint32_t flags;  // 0: the default
  Output(std::string name_, Tensor value_, uint32_t flags_ = 0)
      : name(std::move(name_)), value(std::move(value_)), flags(flags_) {}
  template <class N, std::enable_if_t<std::is_arithmetic_v<N>, int> = 0>
  Output(std::string name_, N number_, uint32_t flags_ = SSP_EMIT_METRIC)
      : name(std::move(name_)), number(static_cast<double>(number_)), flags(flags_) {}
};
// {{"loss", loss}, {"accuracy", a, SSP_EMIT_METRIC}, {"queue", 0.5}}
using Outputs = std::vector<Output>;

// For export: the own name of a tensor, and its name in the format that is asked for.
using NamePairs = std::vector<std::pair<std::string, std::string>>;

// The features or layers that a caller asks for by name; empty: the one that stands for the whole.
class Names {
 public:
  Names() = default;
  Names(const ssp_str* names, uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) names_.emplace_back(ssp::view(names[i]));
  }
  explicit Names(std::vector<std::string> names) : names_(std::move(names)) {}
  const std::vector<std::string>& all() const { return names_; }
  bool has(std::string_view name) const { return std::find(names_.begin(), names_.end(), name) != names_.end(); }
  // The names asked for, or the first of `known` if there are none; a name that is not known is refused.
  std::vector<std::string> among(std::initializer_list<const char*> known) const {
    if (names_.empty()) return {*known.begin()};
    check_known(known);
    return names_;
  }
  // Error that lists what is known, unless all names are.
  template <class Range>
  void check_known(const Range& known) const {
    for (const std::string& name : names_) {
      bool found = false;
      std::string list;
      for (const auto& k : known) {
        found = found || name == k;
        list += (list.empty() ? "" : ", ") + std::string(k);
      }
      if (!found) throw Error(SSP_E_CONFIG, "nothing is named \"" + name + "\" here; known are " + list);
    }
  }

 private:
  std::vector<std::string> names_;
};

namespace detail {
// Emits everything that the sink takes.
inline void emit(const Call& call, const ssp_sink* sink, const Outputs& outputs, uint32_t default_flags) {
  if (!sink || !SSP_HAS(ssp_sink, sink, tensor)) return;
  for (const Output& o : outputs) {
    const Tensor value = o.number ? from_host(call, *o.number) : o.value;
    check(sink->tensor(sink, to_str(o.name), value.handle(), o.flags ? o.flags : default_flags));
  }
}
inline void emit_bytes(const ssp_sink* sink, std::string_view bytes) {
  if (SSP_HAS(ssp_sink, sink, bytes)) check(sink->bytes(sink, bytes.data(), bytes.size()));
}
inline void emit_pairs(const ssp_sink* sink, const NamePairs& pairs) {
  if (!SSP_HAS(ssp_sink, sink, pair)) return;
  for (const auto& [own, theirs] : pairs) check(sink->pair(sink, to_str(own), to_str(theirs)));
}
}  // namespace detail

// Inside on_event. Kinds that an algorithm does not know are ignored.
class Event {
 public:
  Event(const ssp_event* raw, const Call& call) : kind(raw->kind), raw_(raw), call_(call) {}
  const uint32_t kind;  // SSP_EVENT_…
  // Logged with the step that the event belongs to.
  void metric(const std::string& name, const Tensor& value) const { emit({name, value, SSP_EMIT_METRIC}); }
  void metric(const std::string& name, double value) const { emit({name, value}); }

 private:
  void emit(const Output& metric) const {
    if (SSP_HAS(ssp_event, raw_, metrics)) detail::emit(call_, raw_->metrics, {metric}, SSP_EMIT_METRIC);
  }
  const ssp_event* raw_;
  const Call& call_;
};

}  // namespace v0
}  // namespace ssp
