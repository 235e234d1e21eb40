// The table "ssp.params": parameters and buffers of components, declared into the store of the run.
#include <fmt/format.h>

#include "base/utf8.h"
#include "bridge/components/build.h"
#include "bridge/host_state.h"
#include "bridge/operators/dtype.h"
#include "bridge/out_struct.h"
#include "bridge/status.h"
#include "bridge/tables/extensions.h"
#include "bridge/tables/init_spec.h"
#include "bridge/tables/overrides.h"
#include "model/roles.h"

namespace selfsup::bridge {
namespace {

constexpr uint32_t kKinds = SSP_PARAM | SSP_PARAM_FROZEN | SSP_BUFFER;
constexpr uint32_t kFlags = SSP_TENSOR_TRANSIENT | SSP_TENSOR_PER_RANK;

// Roles are handed through as they are.
constexpr uint32_t kRoles = model::role_bias | model::role_norm | model::role_embedding | model::role_token |
                            model::role_no_decay | model::role_lars_exclude;
static_assert(uint32_t{model::role_bias} == SSP_ROLE_BIAS && uint32_t{model::role_norm} == SSP_ROLE_NORM &&
              uint32_t{model::role_embedding} == SSP_ROLE_EMBED && uint32_t{model::role_token} == SSP_ROLE_TOKEN &&
              uint32_t{model::role_no_decay} == SSP_ROLE_NO_DECAY &&
              uint32_t{model::role_lars_exclude} == SSP_ROLE_LARS_EXCLUDE);

std::string checked_name(ssp_str text, const char* what) {
  const std::string_view name = view(text);
  bool good = !name.empty() && name.front() != '.' && name.back() != '.' && name.find("..") == name.npos;
  for (char c : name) good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.');
  if (!good)
    fail(SSP_E_ARGUMENT,
         fmt::format("{} '{}' must match [A-Za-z0-9_.]+ with parts between the dots", what, printable(name)));
  return std::string(name);
}

uint64_t checked_elements(const ssp_param_desc& d, const std::string& name) {
  require(d.sizes != nullptr || d.ndim == 0, SSP_E_ARGUMENT, "ssp_param_desc: sizes is null");
  const auto refuse = [&](ssp_status status, const char* what) {
    fail(status, fmt::format("'{}': {} [{}]", name, what, fmt::join(d.sizes, d.sizes + d.ndim, ", ")));
  };
  uint64_t n = 1;
  for (uint32_t i = 0; i < d.ndim; ++i) {
    if (d.sizes[i] < 0) refuse(SSP_E_ARGUMENT, "impossible sizes");
    // What follows from a configuration; whether the machine has the memory is seen once all are declared.
    if (__builtin_mul_overflow(n, static_cast<uint64_t>(d.sizes[i]), &n) || n > (uint64_t{1} << 56))
      refuse(SSP_E_CONFIG, "no machine holds a tensor of the sizes");
  }
  return n;
}

void check_roles(uint32_t roles, const std::string& name) {
  if (roles & 0xffff & ~kRoles) fail(SSP_E_ARGUMENT, fmt::format("'{}': unknown roles {:#x}", name, roles));
}

void require_trainable(at::ScalarType type, const std::string& name) {
  if (!at::isFloatingType(type))
    fail(SSP_E_ARGUMENT, fmt::format("'{}' is trained, so it cannot be {}", name, dtype_name(type)));
}

ssp_status declare(ssp_build* build, const ssp_param_desc* given, ssp_tensor* out) {
  return guarded([&] {
    const Build& b = checked(build);
    const ssp_param_desc desc = read_in(given, offsetof(ssp_param_desc, init) + sizeof given->init, "ssp_param_desc");
    require(out != nullptr, SSP_E_ARGUMENT, "declare: out is null");
    const std::string name = join_names(b.prefix, checked_name(desc.name, "name"));
    const uint32_t kind = desc.kind & kKinds;
    if ((kind != SSP_PARAM && kind != SSP_PARAM_FROZEN && kind != SSP_BUFFER) ||
        (desc.kind & 0xffff & ~(kKinds | kFlags))) {
      fail(SSP_E_ARGUMENT, fmt::format("'{}': kind {:#x} is not one kind and known flags", name, desc.kind));
    }
    check_roles(desc.roles, name);
    const at::ScalarType type = to_torch(desc.dtype);
    const bool trained = kind == SSP_PARAM && !b.frozen;
    if (trained) require_trainable(type, name);
    const uint64_t bytes = checked_elements(desc, name) * c10::elementSize(type);
    const at::IntArrayRef sizes(desc.sizes, desc.ndim);

    model::Entry entry;
    entry.name = name;
    entry.kind = kind == SSP_BUFFER ? model::Kind::buffer : trained ? model::Kind::parameter : model::Kind::frozen;
    entry.transient = (desc.kind & SSP_TENSOR_TRANSIENT) != 0;
    entry.per_rank = (desc.kind & SSP_TENSOR_PER_RANK) != 0;
    entry.roles = desc.roles & kRoles;
    entry.layer = desc.layer;
    entry.init = to_spec(desc.init, name);
    check_init(entry.init, sizes, bytes, name);
    model::Entry& stored = b.session->store.declare(std::move(entry), sizes, type);
    stored.tensor.set_requires_grad(trained);
    b.host.declared.add(stored, b.frozen);
    *out = b.host.handles.give(stored.tensor);
  });
}

ssp_status scope(ssp_build* build, const ssp_scope* given, ssp_build** child) {
  return guarded([&] {
    Build& b = checked(build);
    const ssp_scope scope = read_in(given, offsetof(ssp_scope, overrides) + sizeof given->overrides, "ssp_scope");
    require(child != nullptr, SSP_E_ARGUMENT, "scope: child is null");
    if (scope.flags & 0xffff & ~uint32_t{SSP_SCOPE_FROZEN})
      fail(SSP_E_ARGUMENT, fmt::format("scope: unknown flags {:#x}", scope.flags));
    auto made = std::make_unique<Build>(b.host);
    made->session = b.session;
    made->facts = b.facts;
    made->prefix = scope.prefix.size ? join_names(b.prefix, checked_name(scope.prefix, "prefix")) : b.prefix;
    made->frozen = b.frozen || (scope.flags & SSP_SCOPE_FROZEN);
    const std::string_view key = view(scope.config);
    made->config_path = join_names(b.config_path, key);
    made->node = b.node;
    made->keys = b.keys;
    made->overridden = b.overridden;
    if (!key.empty()) {
      const Json* node = b.node->at_path(key);
      if (!node || !node->is_object()) {
        fail(SSP_E_CONFIG, fmt::format("the configuration has no object at '{}'", made->config_path));
      }
      made->node = std::shared_ptr<const Json>(b.node, node);
      made->keys = keys_below(b.keys, b.node.get(), key, &b.session->registry, "scope");
    }
    if (scope.overrides.size) {
      made->node = std::make_shared<const Json>(
          merge_overrides(*made->node, view(scope.overrides), fmt::format("overrides at '{}'", made->config_path)));
      made->overridden = true;
      made->keys = {};  // those of the component that is made of it, once it is
    }
    *child = made->token;
    b.children.push_back(std::move(made));
  });
}

// The name relative to `prefix`, or nothing when it is not below it.
std::string_view below(std::string_view name, std::string_view prefix) {
  if (prefix.empty()) return name;
  if (name.size() <= prefix.size() + 1 || name.substr(0, prefix.size()) != prefix || name[prefix.size()] != '.')
    return {};
  return name.substr(prefix.size() + 1);
}

uint32_t kind_and_flags(const model::Entry& e) {
  const uint32_t kind = e.kind == model::Kind::parameter ? SSP_PARAM
                        : e.kind == model::Kind::frozen  ? SSP_PARAM_FROZEN
                                                         : SSP_BUFFER;
  return kind | (e.transient ? uint32_t{SSP_TENSOR_TRANSIENT} : 0u) | (e.per_rank ? uint32_t{SSP_TENSOR_PER_RANK} : 0u);
}

// A name that is `end`, or ends in it at a dot.
bool ends_in(std::string_view name, std::string_view end) {
  return name.ends_with(end) && (name.size() == end.size() || name[name.size() - end.size() - 1] == '.');
}

ssp_status list(ssp_build* build, ssp_str prefix, uint32_t kinds, const ssp_sink* sink) {
  return guarded([&] {
    const Build& b = checked(build);
    if (kinds == 0 || (kinds & 0xffff & ~kKinds))
      fail(SSP_E_ARGUMENT, fmt::format("list: {:#x} is no set of kinds", kinds));
    require(SSP_HAS(ssp_sink, sink, tensor), SSP_E_ARGUMENT, "list: the sink takes no tensors");
    const std::string full = prefix.size ? join_names(b.prefix, checked_name(prefix, "prefix")) : b.prefix;
    // The sink may declare more: elements of a deque stay where they are, its iterators do not.
    const auto& entries = b.session->store.entries();
    for (size_t i = 0, count = entries.size(); i < count; ++i) {
      const model::Entry& e = entries[i];
      const std::string_view name = below(e.name, full);
      if (name.empty() || !(kind_and_flags(e) & kinds)) continue;
      const Lent lent(b.host.handles, e.tensor);
      const ssp_status status = sink->tensor(sink, borrow(name), *lent.data(), kind_and_flags(e));
      if (status != SSP_OK) fail(status, fmt::format("list: the sink refused '{}': {}", e.name, view(last_error())));
    }
  });
}

ssp_status reinit(ssp_build* build, ssp_str suffix, const ssp_init* init) {
  return guarded([&] {
    const Build& b = checked(build);
    const std::string end = checked_name(suffix, "suffix");
    const model::InitSpec spec = to_spec(init, end);
    int found = 0;
    for (model::Entry* e : b.session->store.ending_in(end)) {
      if (!ends_in(below(e->name, b.prefix), end)) continue;
      check_init(spec, e->tensor.sizes(), e->tensor.nbytes(), e->name);
      e->init = spec;
      ++found;
    }
    if (!found) fail(SSP_E_ARGUMENT, fmt::format("reinit: no tensor below '{}' ends in '{}'", b.prefix, end));
  });
}

// The parameters that mark is for; all of them are good for `kind`, or Failure.
std::vector<model::Entry*> to_mark(const Build& b, const std::string& end, uint32_t kind) {
  std::vector<model::Entry*> found;
  for (model::Entry* e : b.session->store.ending_in(end)) {
    const std::string_view name = below(e->name, b.prefix);
    if (name.empty() || (!end.empty() && !ends_in(name, end))) continue;
    if (e->kind == model::Kind::buffer) {
      if (end.empty()) continue;
      fail(SSP_E_ARGUMENT, fmt::format("mark: '{}' is a buffer; parameters alone are trained or frozen", e->name));
    }
    if (kind == SSP_PARAM) {
      if (b.host.declared.in_frozen_scope(e->tensor))
        fail(SSP_E_ARGUMENT, fmt::format("mark: '{}' is below a scope that is frozen as a whole (SSP_SCOPE_FROZEN), so "
                                         "it cannot be trained; open that scope without the flag",
                                         e->name));
      require_trainable(e->tensor.scalar_type(), e->name);
    }
    found.push_back(e);
  }
  if (found.empty()) fail(SSP_E_ARGUMENT, fmt::format("mark: no parameter below '{}' ends in '{}'", b.prefix, end));
  return found;
}

ssp_status mark(ssp_build* build, ssp_str suffix, uint32_t kind, uint32_t roles) {
  return guarded([&] {
    const Build& b = checked(build);
    const std::string end = suffix.size ? checked_name(suffix, "suffix") : std::string();
    if (kind != 0 && kind != SSP_PARAM && kind != SSP_PARAM_FROZEN)
      fail(SSP_E_ARGUMENT, fmt::format("mark: kind {:#x} is not SSP_PARAM, SSP_PARAM_FROZEN or 0", kind));
    const bool add = (roles & SSP_ROLE_KEEP) != 0;
    check_roles(roles & ~uint32_t{SSP_ROLE_KEEP}, "mark");
    for (model::Entry* e : to_mark(b, end, kind)) {
      if (kind != 0) {
        e->kind = kind == SSP_PARAM ? model::Kind::parameter : model::Kind::frozen;
        e->tensor.set_requires_grad(kind == SSP_PARAM);
      }
      e->roles = (add ? e->roles : 0) | (roles & kRoles);
    }
  });
}

}  // namespace

const ssp_params params_table = {sizeof(ssp_params), 0, declare, scope, list, reinit, mark};

}  // namespace selfsup::bridge
