// The table "ssp.params": parameters and buffers of components, declared into the store of the run.
#include <fmt/format.h>

#include <cstring>

#include "bridge/active.h"
#include "bridge/components/session.h"
#include "bridge/operators/dtype.h"
#include "bridge/operators/handles.h"
#include "bridge/status.h"
#include "bridge/tables/overrides.h"
#include "bridge/tables/tables.h"

namespace selfsup::bridge {
namespace {

constexpr uint32_t kKinds = SSP_PARAM | SSP_PARAM_FROZEN | SSP_BUFFER;
constexpr uint32_t kFlags = SSP_TENSOR_TRANSIENT | SSP_TENSOR_PER_RANK;
constexpr uint32_t kRoles = 63;

template <class Struct>
void check_size(const Struct* s, size_t least, const char* what) {
  if (!s) fail(SSP_E_ARGUMENT, fmt::format("{} is null", what));
  if (s->struct_size < least) {
    fail(SSP_E_ARGUMENT, fmt::format("{}.struct_size is {}, at least {} is needed", what, s->struct_size, least));
  }
}

std::string checked_name(ssp_str text, const char* what) {
  const std::string_view name = view(text);
  bool good = !name.empty() && name.front() != '.' && name.back() != '.' && name.find("..") == name.npos;
  for (char c : name) good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.');
  if (!good)
    fail(SSP_E_ARGUMENT, fmt::format("{} '{}' must match [A-Za-z0-9_.]+ with parts between the dots", what, name));
  return std::string(name);
}

model::InitSpec to_spec(const ssp_init* init, const std::string& name) {
  check_size(init, offsetof(ssp_init, bytes) + sizeof init->bytes, "ssp_init");
  using model::InitKind;
  model::InitSpec spec;
  spec.a = init->a;
  spec.b = init->b;
  spec.lo = init->lo;
  spec.hi = init->hi;
  spec.fan_in = init->fan_in;
  spec.fan_out = init->fan_out;
  switch (init->kind) {
    case SSP_INIT_CONSTANT:
      spec.kind = InitKind::constant;
      break;
    case SSP_INIT_NORMAL:
      spec.kind = InitKind::normal;
      break;
    case SSP_INIT_UNIFORM:
      spec.kind = InitKind::uniform;
      break;
    case SSP_INIT_TRUNC_NORMAL:
      spec.kind = InitKind::trunc_normal;
      break;
    case SSP_INIT_XAVIER_UNIFORM:
      spec.kind = InitKind::xavier_uniform;
      break;
    case SSP_INIT_KAIMING_NORMAL:
      spec.kind = InitKind::kaiming_normal;
      break;
    case SSP_INIT_KAIMING_UNIFORM:
      spec.kind = InitKind::kaiming_uniform;
      break;
    case SSP_INIT_DATA: {
      spec.kind = InitKind::data;
      require(init->data != nullptr || init->bytes == 0, SSP_E_ARGUMENT, "ssp_init: data is null");
      const auto* bytes = static_cast<const std::byte*>(init->data);
      spec.data.assign(bytes, bytes + init->bytes);
      break;
    }
    default:
      fail(SSP_E_ARGUMENT, fmt::format("'{}': unknown initialiser {}", name, init->kind));
  }
  return spec;
}

void check_init(const model::InitSpec& spec, at::IntArrayRef sizes, uint64_t bytes, const std::string& name) {
  const std::string fault = model::fault_of(spec, sizes, bytes);
  if (!fault.empty()) fail(SSP_E_ARGUMENT, fmt::format("initial values of '{}': {}", name, fault));
}

uint64_t checked_elements(const ssp_param_desc& d, const std::string& name) {
  require(d.sizes != nullptr || d.ndim == 0, SSP_E_ARGUMENT, "ssp_param_desc: sizes is null");
  uint64_t n = 1;
  for (uint32_t i = 0; i < d.ndim; ++i) {
    if (d.sizes[i] < 0 || __builtin_mul_overflow(n, static_cast<uint64_t>(d.sizes[i]), &n) || n > (uint64_t{1} << 48)) {
      fail(SSP_E_ARGUMENT,
           fmt::format("'{}': impossible sizes [{}]", name, fmt::join(d.sizes, d.sizes + d.ndim, ", ")));
    }
  }
  return n;
}

ssp_status declare(ssp_build* build, const ssp_param_desc* desc, ssp_tensor* out) {
  return guarded([&] {
    ssp_build& b = checked(build);
    check_size(desc, offsetof(ssp_param_desc, init) + sizeof desc->init, "ssp_param_desc");
    require(out != nullptr, SSP_E_ARGUMENT, "declare: out is null");
    const std::string name = join_names(b.prefix, checked_name(desc->name, "name"));
    const uint32_t kind = desc->kind & kKinds;
    if ((kind != SSP_PARAM && kind != SSP_PARAM_FROZEN && kind != SSP_BUFFER) ||
        (desc->kind & 0xffff & ~(kKinds | kFlags))) {
      fail(SSP_E_ARGUMENT, fmt::format("'{}': kind {:#x} is not one kind and known flags", name, desc->kind));
    }
    if (desc->roles & 0xffff & ~kRoles)
      fail(SSP_E_ARGUMENT, fmt::format("'{}': unknown roles {:#x}", name, desc->roles));
    const at::ScalarType type = to_torch(desc->dtype);
    const bool trained = kind == SSP_PARAM && !b.frozen;
    if (trained && !at::isFloatingType(type)) {
      fail(SSP_E_ARGUMENT, fmt::format("'{}' is trained, so it cannot be {}", name, dtype_name(type)));
    }
    const uint64_t bytes = checked_elements(*desc, name) * c10::elementSize(type);
    const at::IntArrayRef sizes(desc->sizes, desc->ndim);

    model::Entry entry;
    entry.name = name;
    entry.kind = kind == SSP_BUFFER ? model::Kind::buffer : trained ? model::Kind::parameter : model::Kind::frozen;
    entry.transient = (desc->kind & SSP_TENSOR_TRANSIENT) != 0;
    entry.per_rank = (desc->kind & SSP_TENSOR_PER_RANK) != 0;
    entry.roles = desc->roles & kRoles;
    entry.layer = desc->layer;
    entry.init = to_spec(desc->init, name);
    check_init(entry.init, sizes, bytes, name);
    model::Entry& stored = b.session->store.declare(std::move(entry), sizes, type);
    stored.tensor.set_requires_grad(trained);
    if (trained) active().trained.push_back(stored.tensor);
    active().declared.insert_or_assign(stored.tensor.unsafeGetTensorImpl(), stored.name);
    *out = handles::give(stored.tensor);
  });
}

ssp_status scope(ssp_build* build, const ssp_scope* scope, ssp_build** child) {
  return guarded([&] {
    ssp_build& b = checked(build);
    check_size(scope, offsetof(ssp_scope, overrides) + sizeof scope->overrides, "ssp_scope");
    require(child != nullptr, SSP_E_ARGUMENT, "scope: child is null");
    const uint32_t known = SSP_SCOPE_FROZEN | SSP_SCOPE_EXTERNAL;
    if (scope->flags & 0xffff & ~known) fail(SSP_E_ARGUMENT, fmt::format("scope: unknown flags {:#x}", scope->flags));
    if (scope->flags & SSP_SCOPE_EXTERNAL) {
      fail(SSP_E_UNSUPPORTED,
           "SSP_SCOPE_EXTERNAL is not built yet in this host; use SSP_SCOPE_FROZEN, which stores the values");
    }
    auto made = std::make_unique<ssp_build>();
    made->session = b.session;
    made->facts = b.facts;
    made->prefix = scope->prefix.size ? join_names(b.prefix, checked_name(scope->prefix, "prefix")) : b.prefix;
    made->frozen = b.frozen || (scope->flags & SSP_SCOPE_FROZEN);
    const std::string_view key = view(scope->config);
    made->config_path = join_names(b.config_path, key);
    made->node = b.node;
    made->overridden = b.overridden;
    if (!key.empty()) {
      const Json* node = b.node->at_path(key);
      if (!node || !node->is_object()) {
        fail(SSP_E_CONFIG, fmt::format("the configuration has no object at '{}'", made->config_path));
      }
      made->node = std::shared_ptr<const Json>(b.node, node);
    }
    if (scope->overrides.size) {
      made->node = std::make_shared<const Json>(
          merge_overrides(*made->node, view(scope->overrides), fmt::format("overrides at '{}'", made->config_path)));
      made->overridden = true;
    }
    *child = made.get();
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

ssp_status list(ssp_build* build, ssp_str prefix, uint32_t kinds, const ssp_sink* sink) {
  return guarded([&] {
    ssp_build& b = checked(build);
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
      const handles::Lent lent(e.tensor);
      const ssp_status status = sink->tensor(sink, borrow(name), *lent.data(), kind_and_flags(e));
      if (status != SSP_OK) fail(status, fmt::format("list: the sink refused '{}': {}", e.name, view(last_error())));
    }
  });
}

ssp_status reinit(ssp_build* build, ssp_str suffix, const ssp_init* init) {
  return guarded([&] {
    ssp_build& b = checked(build);
    const std::string end = checked_name(suffix, "suffix");
    const model::InitSpec spec = to_spec(init, end);
    int found = 0;
    for (model::Entry& e : b.session->store.entries()) {
      const std::string_view name = below(e.name, b.prefix);
      if (name.size() < end.size() || name.substr(name.size() - end.size()) != end) continue;
      if (name.size() > end.size() && name[name.size() - end.size() - 1] != '.') continue;
      check_init(spec, e.tensor.sizes(), e.tensor.nbytes(), e.name);
      e.init = spec;
      ++found;
    }
    if (!found) fail(SSP_E_ARGUMENT, fmt::format("reinit: no tensor below '{}' ends in '{}'", b.prefix, end));
  });
}

}  // namespace

const ssp_params params_table = {sizeof(ssp_params), 0, declare, scope, list, reinit};

}  // namespace selfsup::bridge
