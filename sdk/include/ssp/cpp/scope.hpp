// SPDX-License-Identifier: Apache-2.0
// Scope: a place in the tree of parameters and in the configuration, alive during create. Declares, asks, opens
// children.
#pragma once
#include "ssp/cpp/init.hpp"
#include "ssp/cpp/values.hpp"

namespace ssp {
inline namespace v0 {

// A tensor that Scope::list found, with its name relative to the prefix and its SSP_PARAM… | flags.
struct NamedParameter {
  std::string name;
  Tensor tensor;
  uint32_t kind;
};

// How a child differs from its parent; by default it has a prefix and a node of one name.
struct ChildSpec {
  std::string prefix, config, overrides;  // overrides: a JSON object laid over the node
  uint32_t flags = 0;                     // SSP_SCOPE_FROZEN
  ChildSpec(const char* name) : prefix(name), config(name) {}
  ChildSpec(const std::string& name) : prefix(name), config(name) {}
  ChildSpec(std::string prefix_, std::string config_, uint32_t flags_ = 0, std::string overrides_ = {})
      : prefix(std::move(prefix_)), config(std::move(config_)), overrides(std::move(overrides_)), flags(flags_) {}
};

class Scope {
 public:
  explicit Scope(ssp_build* build) : build_(build) {}
  ssp_build* build() const { return build_; }
  // Where this scope lies in its component, "layers.3": a name for what is below, a random number's site for instance.
  std::string path() const { return joined(base_, prefix_); }

  // A longer prefix for names; the configuration stays the same.
  Scope operator/(const std::string& name) const {
    Scope s = *this;
    s.prefix_ = joined(prefix_, name);
    return s;
  }
  Scope operator/(int64_t index) const { return *this / std::to_string(index); }
  // A longer prefix and the node of that name: where a component's part has both.
  Scope at(const std::string& name) const {
    Scope s = *this / name;
    s.keys_ = joined(keys_, name);
    return s;
  }
  // Depth for layer-wise rules of what is declared below.
  Scope depth(int32_t layer) const {
    Scope s = *this;
    s.layer_ = layer;
    return s;
  }

  // --- tensors: the identity of the result holds for the run. roles: bits SSP_ROLE_… ---
  Tensor parameter(const std::string& name, Ints sizes, const Init& init, uint32_t roles = 0) const {
    return declare(name, sizes, init, SSP_PARAM, roles, f32);
  }
  // Counted and saved, not trained.
  Tensor frozen(const std::string& name, Ints sizes, const Init& init, uint32_t roles = 0) const {
    return declare(name, sizes, init, SSP_PARAM_FROZEN, roles, f32);
  }
  // Saved (flags: SSP_TENSOR_TRANSIENT is not, SSP_TENSOR_PER_RANK has a value for each rank), not counted.
  Tensor buffer(const std::string& name, Ints sizes, const Init& init, DType dtype = f32, uint32_t flags = 0) const {
    return declare(name, sizes, init, SSP_BUFFER | flags, 0, dtype);
  }
  // Everything below prefix, children's tensors too, in order of declaration; kinds: a set of SSP_PARAM, …
  std::vector<NamedParameter> list(const std::string& prefix, uint32_t kinds) const {
    std::vector<NamedParameter> found;
    const ssp_sink sink = {sizeof(ssp_sink), 0, &found, collect, nullptr, nullptr};
    const std::string full = joined(prefix_, prefix);
    check(detail::params().list(build_, to_str(full), kinds, &sink));
    return found;
  }
  // New initial values for what is declared below this scope and ends in suffix (at a dot); none is an error.
  void reinit(const std::string& suffix, const Init& init) const {
    const ssp_init raw = init.raw();
    check(detail::params().reinit(here(), to_str(suffix), &raw));
  }
  // Another kind (SSP_PARAM, SSP_PARAM_FROZEN; 0: as it is) and other roles (SSP_ROLE_KEEP: beside those that they
  // have) for the parameters below this scope that end in suffix (at a dot; empty: all), those of a child's component
  // too; none is an error.
  void mark(const std::string& suffix, uint32_t kind, uint32_t roles = SSP_ROLE_KEEP) const {
    check(detail::params().mark(here(), to_str(suffix), kind, roles));
  }

  // --- configuration: keys are relative to this scope's node ---
  bool has(const std::string& key) const { return value(key).kind != SSP_V_NONE; }
  // The value, or one error that names the key. T: int64_t, double, bool, std::string, std::vector of the first three.
  template <class T>
  T get(const std::string& key) const {
    const ssp_value v = value(key);
    if (v.kind == SSP_V_NONE) throw Error(SSP_E_CONFIG, "the key `" + joined(keys_, key) + "` is missing");
    return detail::from_value<T>(v, joined(keys_, key));
  }
  // The value, or `otherwise` where the key is absent or null: get("depth", 12), get("type", "AdamW").
  template <class T>
  detail::ConfigType<T> get(const std::string& key, const T& otherwise) const {
    const ssp_value v = value(key);
    if (v.kind == SSP_V_NONE) return detail::ConfigType<T>(otherwise);
    return detail::from_value<detail::ConfigType<T>>(v, joined(keys_, key));
  }
  // Of a key in another component's node: none also where that component's schema does not have it.
  template <class T>
  std::optional<T> find(const std::string& key) const {
    const std::string full = joined(keys_, key);
    ssp_value v{};
    const ssp_status status = detail::config().get(build_, to_str(full), &v);
    if (status == SSP_E_ARGUMENT) return std::nullopt;
    check(status);
    if (v.kind == SSP_V_NONE) return std::nullopt;
    return detail::from_value<T>(v, full);
  }
  // Whether a list of numbers or of true and false stands there, where the schema takes one or a single value.
  bool is_list(const std::string& key) const {
    const uint32_t kind = value(key).kind;
    return kind == SSP_V_INTS || kind == SSP_V_DOUBLES || kind == SSP_V_BOOLS;
  }
  // Elements of the list at that key, of whatever type: length("heads"), then get<int64_t>("heads.0.dim"). Absent: 0.
  int64_t length(const std::string& key) const {
    const std::string full = joined(keys_, key);
    uint64_t n = 0;
    check(detail::config().length(build_, to_str(full), &n));
    return static_cast<int64_t>(n);
  }
  // The whole node as JSON text.
  std::string json() const {
    if (!keys_.empty()) return get<std::string>("");
    ssp_str text{nullptr, 0};
    check(detail::config().json(build_, &text));
    return std::string(view(text));
  }
  // A fact of the run (ssp/config.h lists them); none: not known.
  template <class T = int64_t>
  std::optional<T> fact(const char* name) const {
    return detail::fact<T>(build_, name);
  }

  // A scope of the host: what registry.create and EMA twins are built on.
  Scope child(const ChildSpec& spec) const {
    const std::string prefix = joined(prefix_, spec.prefix), node = joined(keys_, spec.config);
    const ssp_scope raw = {sizeof(ssp_scope), spec.flags, to_str(prefix), to_str(node), to_str(spec.overrides)};
    ssp_build* made = nullptr;
    check(detail::params().scope(build_, &raw, &made));
    Scope s(made);
    s.base_ = joined(base_, prefix);
    s.layer_ = layer_;
    return s;
  }

 private:
  static std::string joined(const std::string& a, const std::string& b) {
    return a.empty() ? b : b.empty() ? a : a + "." + b;
  }
  // This place as the host's: reinit and mark reach what is below it, and nothing beside it.
  ssp_build* here() const {
    if (prefix_.empty()) return build_;
    const ssp_scope raw = {sizeof(ssp_scope), 0, to_str(prefix_), {nullptr, 0}, {nullptr, 0}};
    ssp_build* made = nullptr;
    check(detail::params().scope(build_, &raw, &made));
    return made;
  }
  ssp_value value(const std::string& key) const {
    const std::string full = joined(keys_, key);
    ssp_value v{};
    check(detail::config().get(build_, to_str(full), &v));
    return v;
  }
  Tensor declare(const std::string& name, Ints sizes, const Init& init, uint32_t kind, uint32_t roles,
                 DType dtype) const {
    const std::string full = joined(prefix_, name);
    const ssp_init raw = init.raw();
    if (init.data_dtype() != 0 && init.data_dtype() != static_cast<int32_t>(dtype))
      throw Error(SSP_E_ARGUMENT, full + ": Init::data of another element type than the tensor's");
    ssp_param_desc desc{};
    desc.struct_size = sizeof desc;
    desc.dtype = static_cast<int32_t>(dtype);
    desc.name = to_str(full);
    desc.sizes = sizes.data();
    desc.ndim = static_cast<uint32_t>(sizes.size());
    desc.kind = kind;
    desc.roles = roles;
    desc.layer = layer_;
    desc.init = &raw;
    ssp_tensor out;
    check(detail::params().declare(build_, &desc, &out));
    return Tensor(out);
  }
  static ssp_status collect(const ssp_sink* sink, ssp_str name, ssp_tensor tensor, uint32_t flags) noexcept {
    return guarded([&] {
      auto& found = *static_cast<std::vector<NamedParameter>*>(sink->receiver);
      found.push_back({std::string(view(name)), Tensor::borrow(tensor), flags});
    });
  }

  ssp_build* build_;
  std::string base_, prefix_, keys_;  // base_: where build_ lies in the component
  int32_t layer_ = -1;
};

}  // namespace v0
}  // namespace ssp
