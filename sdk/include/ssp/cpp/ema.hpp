// SPDX-License-Identifier: Apache-2.0
// Ema: a momentum twin. Pairs tensors by name under two prefixes and moves the second towards the first.
#pragma once
#include "ssp/cpp/modes.hpp"
#include "ssp/cpp/ops_inplace.hpp"
#include "ssp/cpp/scope.hpp"

namespace ssp {
inline namespace v0 {

class Ema {
 public:
  // Everything below `from` (several prefixes) has a twin of the same name below `to`: "backbone.x" ->
  // "teacher.backbone.x". Built in create, after both sides are declared. A tensor without a twin is an error.
  Ema(const Scope& scope, const std::vector<std::string>& from, const std::string& to) {
    for (const std::string& prefix : from) {
      pair(scope, prefix, to, SSP_PARAM, source_, target_);
      pair(scope, prefix, to, SSP_PARAM_FROZEN | SSP_BUFFER, fixed_source_, fixed_target_);
    }
  }
  // target = source.
  SSP_IF_USED void copy() const {
    NoGrad guard;
    foreach_copy_(refs(target_), refs(source_));
    copy_fixed();
  }
  // target = momentum * target + (1 - momentum) * source; buffers and frozen parameters are copied.
  SSP_IF_USED void move(double momentum) const {
    NoGrad guard;
    foreach_lerp_(refs(target_), refs(source_), 1 - momentum);
    copy_fixed();
  }

 private:
  static std::vector<TensorRef> refs(const std::vector<Tensor>& tensors) { return {tensors.begin(), tensors.end()}; }
  SSP_IF_USED void copy_fixed() const {
    if (!fixed_source_.empty()) foreach_copy_(refs(fixed_target_), refs(fixed_source_));
  }
  static void pair(const Scope& scope, const std::string& prefix, const std::string& to, uint32_t kinds,
                   std::vector<Tensor>& sources, std::vector<Tensor>& targets) {
    const std::string twin = to + "." + prefix;
    const auto all = scope.list(twin, SSP_PARAM | SSP_PARAM_FROZEN | SSP_BUFFER);
    for (NamedParameter& source : scope.list(prefix, kinds)) {
      const NamedParameter* match = nullptr;
      for (const auto& candidate : all)
        if (candidate.name == source.name) match = &candidate;
      if (!match)
        throw Error(SSP_E_PLUGIN, "ema: " + prefix + "." + source.name + " has no twin " + twin + "." + source.name);
      sources.push_back(std::move(source.tensor));
      targets.push_back(match->tensor);
    }
  }
  std::vector<Tensor> source_, target_, fixed_source_, fixed_target_;
};

}  // namespace v0
}  // namespace ssp
