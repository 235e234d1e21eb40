#include "bridge/operators/operator.h"

#include <ATen/core/enum_tag.h>
#include <ATen/core/function_schema.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <mutex>
#include <sstream>

#include "bridge/operators/op_list.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

using Kind = c10::TypeKind;

Accept accept_of_list(const c10::TypePtr& element) {
  switch (element->kind()) {
    case Kind::IntType:
    case Kind::SymIntType:
      return Accept::ints;
    case Kind::FloatType:
      return Accept::reals;
    case Kind::BoolType:
      return Accept::bools;
    case Kind::NumberType:
      return Accept::scalars;
    case Kind::TensorType:
      return Accept::tensors;
    case Kind::OptionalType:
      return element->castRaw<c10::OptionalType>()->getElementType()->kind() == Kind::TensorType ? Accept::maybe_tensors
                                                                                                 : Accept::nothing;
    default:
      return Accept::nothing;
  }
}

Accept accept_of(const c10::TypePtr& type) {
  switch (type->kind()) {
    case Kind::TensorType:
      return Accept::tensor;
    case Kind::IntType:
    case Kind::SymIntType:
      return Accept::integer;
    case Kind::FloatType:
    case Kind::SymFloatType:
      return Accept::real;
    case Kind::NumberType:
      return Accept::scalar;
    case Kind::BoolType:
    case Kind::SymBoolType:
      return Accept::boolean;
    case Kind::StringType:
      return Accept::text;
    case Kind::ScalarTypeType:
      return Accept::dtype;
    case Kind::DeviceObjType:
      return Accept::device;
    case Kind::GeneratorType:
      return Accept::generator;
    case Kind::ListType:
      return accept_of_list(type->castRaw<c10::ListType>()->getElementType());
    default:
      return Accept::nothing;
  }
}

Argument describe(const c10::Argument& schema, size_t position) {
  Argument a;
  c10::TypePtr type = schema.real_type();
  if (const auto optional = type->cast<c10::OptionalType>()) {
    a.optional = true;
    type = optional->getElementType();
  }
  a.accept = accept_of(type);
  a.written = schema.alias_info() && schema.alias_info()->isWrite();
  a.expand = schema.N() ? static_cast<int32_t>(*schema.N()) : 0;
  a.position = static_cast<uint16_t>(position);
  return a;
}

// Changes metadata in place, ownership or the graph: what a handle's holder must be able to rely on.
bool is_forbidden(const c10::OperatorHandle& handle, const std::string& name) {
  static constexpr const char* names[] = {"aten::set_data",  "aten::requires_grad_", "aten::retain_grad",
                                          "aten::_backward", "aten::set_",           "aten::rename_"};
  return handle.hasTag(at::Tag::inplace_view) || std::find(std::begin(names), std::end(names), name) != std::end(names);
}

const ListedOp& listed(const std::string& full, const std::string& name) {
  if (name.rfind("aten::", 0) != 0) {
    fail(SSP_E_UNSUPPORTED, fmt::format("operator {}: plugins get operators of aten:: only", full));
  }
  const ListedOp* op = find_listed(full);
  if (!op) {
    fail(
        SSP_E_UNSUPPORTED,
        fmt::format("operator {} is not in the list that this host's SDK promises (sdk/ops-1.txt); use one that is, or "
                    "a host with a newer SDK",
                    full));
  }
  return *op;
}

ssp_op_s make(HostState& host, const std::string& name, const std::string& overload, const std::string& args) {
  if (const size_t dot = name.find('.'); dot != std::string::npos) {
    fail(SSP_E_ARGUMENT, fmt::format("operator {}: pass the overload separately, as name \"{}\" and overload \"{}\"",
                                     name, name.substr(0, dot), name.substr(dot + 1)));
  }
  const std::string full = full_name(name, overload);
  const ListedOp& promise = listed(full, name);
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) {
    fail(SSP_E_UNSUPPORTED, fmt::format("LibTorch {} of this host has no operator {}", TORCH_VERSION, full));
  }
  if (is_forbidden(*handle, name)) {
    fail(SSP_E_UNSUPPORTED,
         fmt::format("operator {} changes a tensor's metadata or graph in place; not offered", full));
  }
  ssp_op_s op{&host, *handle, full, {}, {}, true, false, 0};
  const c10::FunctionSchema& schema = handle->schema();
  for (const c10::Argument& a : schema.arguments()) {
    op.defaults.push_back(a.default_value().value_or(c10::IValue()));
    if (a.alias_info() && a.alias_info()->isWrite()) op.writes = true;
  }
  for (const c10::Argument& r : schema.returns()) op.least_results += r.type()->kind() == Kind::ListType ? 0 : 1;

  std::vector<bool> seen(schema.arguments().size());
  std::istringstream words(args);
  for (std::string word; std::getline(words, word, ',');) {
    if (!promise.accepts(word)) {
      fail(SSP_E_UNSUPPORTED,
           fmt::format("operator {}: argument '{}' is not in the list that this host's SDK promises: ({})", full, word,
                       fmt::join(promise.arguments, ",")));
    }
    const auto position = schema.argumentIndexWithName(word);
    if (!position) {
      fail(SSP_E_UNSUPPORTED, fmt::format("operator {} of LibTorch {} has no argument '{}'; it is {}", full,
                                          TORCH_VERSION, word, schema_text(op)));
    }
    const auto at = static_cast<size_t>(*position);
    if (seen[at]) fail(SSP_E_ARGUMENT, fmt::format("operator {}: argument '{}' is named twice", full, word));
    seen[at] = true;
    if (at != op.given.size()) op.in_order = false;
    op.given.push_back(describe(schema.arguments()[at], at));
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    const c10::Argument& a = schema.arguments()[i];
    // Without its generator an operator draws from the process's own, and a resumed run would differ.
    const bool needed = !a.default_value() || (a.name() == "generator" && promise.accepts("generator"));
    if (!seen[i] && needed) {
      fail(SSP_E_UNSUPPORTED, fmt::format("operator {} needs argument '{}', which the plugin does not pass; it is {}",
                                          full, a.name(), schema_text(op)));
    }
  }
  return op;
}

}  // namespace

ssp_op Operators::resolve(const std::string& name, const std::string& overload, const std::string& args) {
  const std::string key = fmt::format("{}.{}({})", name, overload, args);
  if (const auto it = known_.find(key); it != known_.end()) return it->second;
  made_.push_back(make(host_, name, overload, args));
  return known_.emplace(key, &made_.back()).first->second;
}

Operators::~Operators() {
  static auto& mutex = *new std::mutex;
  static auto& of_old_hosts = *new std::deque<std::deque<ssp_op_s>>;
  for (ssp_op_s& op : made_) op.host = nullptr;
  const std::lock_guard lock(mutex);
  of_old_hosts.push_back(std::move(made_));
}

std::string schema_text(const ssp_op_s& op) {
  std::ostringstream text;
  text << op.handle.schema();
  return text.str();
}

}  // namespace selfsup::bridge
