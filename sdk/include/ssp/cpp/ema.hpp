// SPDX-License-Identifier: Apache-2.0
// Ema: a momentum twin. Pairs tensors by name under two prefixes and moves the second towards the first.
#pragma once
#include "ssp/cpp/modes.hpp"
#include "ssp/cpp/ops_inplace.hpp"
#include "ssp/cpp/scope.hpp"

namespace ssp {
inline namespace v0 {

// What becomes of the twin's buffers (running means): they are the source's, or move as parameters do. Buffers of whole
// numbers, and frozen parameters, are always the source's.
enum class Buffers { copied, averaged };

class Ema {
 public:
  // Everything below `from` (several prefixes) has a twin of the same name below `to`: "backbone.x" ->
  // "teacher.backbone.x". Built in create, after both sides are declared. A prefix without tensors, and a tensor of
  // either side without its twin, is an error.
  Ema(const Scope& scope, const std::vector<std::string>& from, const std::string& to,
      Buffers buffers = Buffers::copied) {
    for (const std::string& prefix : from) pair(scope, prefix, to + "." + prefix, buffers);
  }
  // target = source.
  SSP_IF_USED void copy(const Call& call) const {
    NoGrad guard(call);
    foreach_copy_(target_, source_);
    foreach_copy_(fixed_target_, fixed_source_);
  }
  // target = momentum * target + (1 - momentum) * source.
  SSP_IF_USED void move(const Call& call, double momentum) const {
    NoGrad guard(call);
    foreach_lerp_(target_, source_, 1 - momentum);
    foreach_copy_(fixed_target_, fixed_source_);
  }

 private:
  void pair(const Scope& scope, const std::string& prefix, const std::string& twin, Buffers buffers) {
    constexpr uint32_t every = SSP_PARAM | SSP_PARAM_FROZEN | SSP_BUFFER;
    std::vector<NamedParameter> sources = scope.list(prefix, every), targets = scope.list(twin, every);
    if (sources.empty()) throw Error(SSP_E_PLUGIN, "ema: nothing is declared below \"" + prefix + "\"");
    for (NamedParameter& source : sources) {
      const auto match = std::find_if(targets.begin(), targets.end(),
                                      [&](const NamedParameter& target) { return target.name == source.name; });
      if (match == targets.end())
        throw Error(SSP_E_PLUGIN, "ema: " + prefix + "." + source.name + " has no twin " + twin + "." + source.name);
      const bool moves = (source.kind & SSP_PARAM) || ((source.kind & SSP_BUFFER) && buffers == Buffers::averaged &&
                                                       is_floating(source.tensor.dtype()));
      (moves ? source_ : fixed_source_).push_back(std::move(source.tensor));
      (moves ? target_ : fixed_target_).push_back(std::move(match->tensor));
      targets.erase(match);
    }
    if (!targets.empty())
      throw Error(SSP_E_PLUGIN,
                  "ema: " + twin + "." + targets.front().name + " is no twin of anything below " + prefix);
  }
  static bool is_floating(DType t) { return t == f32 || t == f64 || t == f16 || t == bf16; }

  std::vector<Tensor> source_, target_, fixed_source_, fixed_target_;
};

}  // namespace v0
}  // namespace ssp
