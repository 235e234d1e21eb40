#include "bridge/operators/convert.h"

#include <ATen/core/List.h>
#include <ATen/core/function_schema.h>
#include <fmt/format.h>

#include "bridge/host_state.h"
#include "bridge/operators/dtype.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

constexpr const char* kKinds[] = {"none",
                                  "the default",
                                  "a tensor",
                                  "an int",
                                  "a double",
                                  "a bool",
                                  "a string",
                                  "a list of ints",
                                  "a list of doubles",
                                  "a list of bools",
                                  "a list of tensors",
                                  "an element type",
                                  "the device of a tensor",
                                  "a generator"};

const char* kind_name(uint32_t kind) { return kind < std::size(kKinds) ? kKinds[kind] : "a value of unknown kind"; }

const c10::Argument& schema_argument(const ssp_op_s& op, const Argument& a) {
  return op.handle.schema().arguments()[a.position];
}

[[noreturn]] void wrong_kind(const ssp_op_s& op, const Argument& a, const ssp_value& value) {
  const c10::Argument& schema = schema_argument(op, a);
  fail(SSP_E_ARGUMENT,
       fmt::format("{}: argument '{}' is {}, the plugin passed {}{}", op.name, schema.name(),
                   schema.real_type()->repr_str(), kind_name(value.kind),
                   value.kind == SSP_V_NONE ? " (such as an empty tensor: a field that the batch does not have)" : ""));
}

void check_list(const ssp_op_s& op, const Argument& a, const ssp_value& value) {
  if (value.count != 0 && !value.u.ints) {
    fail(SSP_E_ARGUMENT, fmt::format("{}: argument '{}' is a list of {} elements at a null address", op.name,
                                     schema_argument(op, a).name(), value.count));
  }
}

c10::IValue tensor_list(const ssp_op_s& op, const Argument& a, const ssp_value& value) {
  if (a.accept == Accept::tensors) {
    c10::List<at::Tensor> list;
    list.reserve(value.count);
    for (uint32_t i = 0; i < value.count; ++i) list.push_back(op.host->handles.peek(value.u.tensors[i]));
    return list;
  }
  if (a.accept == Accept::maybe_tensors) {
    c10::List<std::optional<at::Tensor>> list;
    list.reserve(value.count);
    for (uint32_t i = 0; i < value.count; ++i) {
      const ssp_tensor t = value.u.tensors[i];
      list.push_back(t.id ? std::optional<at::Tensor>(op.host->handles.peek(t)) : std::nullopt);
    }
    return list;
  }
  wrong_kind(op, a, value);
}

c10::IValue scalar_list(const ssp_value& value) {
  c10::List<at::Scalar> list;
  list.reserve(value.count);
  for (uint32_t i = 0; i < value.count; ++i) {
    list.push_back(value.kind == SSP_V_INTS ? at::Scalar(value.u.ints[i]) : at::Scalar(value.u.doubles[i]));
  }
  return list;
}

// Never none nor the default: the operator would then draw from the process's own generator, and a resumed run differ.
c10::IValue generator(const ssp_op_s& op, const Argument& a, const ssp_value& value) {
  if (value.kind == SSP_V_GENERATOR) return op.host->generators.find(value.u.i);
  fail(SSP_E_ARGUMENT, fmt::format("{}: argument '{}' must be a generator of ssp.rng, the plugin passed {}", op.name,
                                   schema_argument(op, a).name(), kind_name(value.kind)));
}

c10::IValue convert(const ssp_op_s& op, const Argument& a, const ssp_value& value) {
  if (a.accept == Accept::generator) return generator(op, a, value);
  switch (value.kind) {
    case SSP_V_NONE:
      if (a.optional) return {};
      break;
    case SSP_V_DEFAULT:
      if (!schema_argument(op, a).default_value()) {
        fail(SSP_E_ARGUMENT, fmt::format("{}: argument '{}' has no default", op.name, schema_argument(op, a).name()));
      }
      return op.defaults[a.position];
    case SSP_V_TENSOR:
      if (a.accept == Accept::tensor) return op.host->handles.peek(value.u.tensor);
      break;
    case SSP_V_INT:
      if (a.accept == Accept::integer || a.accept == Accept::scalar) return value.u.i;
      if (a.accept == Accept::real) return static_cast<double>(value.u.i);
      if (a.accept == Accept::ints && a.expand > 0) {
        return c10::List<int64_t>(std::vector<int64_t>(static_cast<size_t>(a.expand), value.u.i));
      }
      break;
    case SSP_V_DOUBLE:
      if (a.accept == Accept::real || a.accept == Accept::scalar) return value.u.d;
      break;
    case SSP_V_BOOL:
      if (a.accept == Accept::boolean || a.accept == Accept::scalar) return value.u.i != 0;
      break;
    case SSP_V_STR:
      check_list(op, a, value);
      if (a.accept == Accept::text) return std::string(value.u.s ? value.u.s : "", value.count);
      break;
    case SSP_V_INTS:
      check_list(op, a, value);
      if (a.accept == Accept::ints) return op.host->int_lists.get(value.u.ints, value.count);
      if (a.accept == Accept::scalars) return scalar_list(value);
      break;
    case SSP_V_DOUBLES:
      check_list(op, a, value);
      if (a.accept == Accept::reals) {
        return c10::List<double>(at::ArrayRef<double>(value.u.doubles, value.count));
      }
      if (a.accept == Accept::scalars) return scalar_list(value);
      break;
    case SSP_V_BOOLS:
      check_list(op, a, value);
      if (a.accept == Accept::bools) {
        c10::List<bool> list;
        list.reserve(value.count);
        for (uint32_t i = 0; i < value.count; ++i) list.push_back(value.u.bools[i] != 0);
        return list;
      }
      break;
    case SSP_V_TENSORS:
      check_list(op, a, value);
      return tensor_list(op, a, value);
    case SSP_V_DTYPE:
      if (a.accept == Accept::dtype) return static_cast<int64_t>(to_torch(value.u.i));
      break;
    case SSP_V_DEVICE_OF:
      if (a.accept == Accept::device) return op.host->handles.peek(value.u.tensor).device();
      break;
  }
  wrong_kind(op, a, value);
}

ssp_value one_result(const ssp_op_s& op, c10::IValue&& v) {
  ssp_value out{SSP_V_NONE, 0, {}};
  if (v.isTensor()) {
    at::Tensor tensor = std::move(v).toTensor();
    if (tensor.defined()) {
      require_named_dtype(tensor.scalar_type(), op.name);
      out.kind = SSP_V_TENSOR;
      out.u.tensor = op.host->handles.give(std::move(tensor));
    }
  } else if (v.isInt() || v.isSymInt()) {
    out.kind = SSP_V_INT;
    out.u.i = v.isInt() ? v.toInt() : v.toSymInt().expect_int();
  } else if (v.isDouble()) {
    out.kind = SSP_V_DOUBLE;
    out.u.d = v.toDouble();
  } else if (v.isBool()) {
    out.kind = SSP_V_BOOL;
    out.u.i = v.toBool();
  } else if (!v.isNone()) {
    fail(SSP_E_UNSUPPORTED, fmt::format("{}: gives a {}, which has no form in the SDK", op.name, v.tagKind()));
  }
  return out;
}

std::string tensor_text(const ssp_op_s& op, ssp_tensor handle) {
  if (handle.id == 0) return "none";
  const at::Tensor& t = op.host->handles.peek(handle);
  return fmt::format("{}[{}]", dtype_name(t.scalar_type()), fmt::join(t.sizes(), ", "));
}

std::string value_text(const ssp_op_s& op, const ssp_value& value) {
  switch (value.kind) {
    case SSP_V_NONE:
      return "none";
    case SSP_V_DEFAULT:
      return "default";
    case SSP_V_TENSOR:
      return tensor_text(op, value.u.tensor);
    case SSP_V_TENSORS: {
      std::string text = "[";
      for (uint32_t i = 0; i < value.count; ++i) text += (i ? ", " : "") + tensor_text(op, value.u.tensors[i]);
      return text + "]";
    }
    case SSP_V_INT:
      return std::to_string(value.u.i);
    case SSP_V_DOUBLE:
      return fmt::format("{}", value.u.d);
    case SSP_V_BOOL:
      return value.u.i ? "true" : "false";
    case SSP_V_STR:
      return fmt::format("\"{}\"", std::string_view(value.u.s, value.count));
    case SSP_V_INTS:
      return fmt::format("[{}]", fmt::join(value.u.ints, value.u.ints + value.count, ", "));
    case SSP_V_DOUBLES:
      return fmt::format("[{}]", fmt::join(value.u.doubles, value.u.doubles + value.count, ", "));
    case SSP_V_DTYPE:
      return dtype_name(to_torch(value.u.i));
    default:
      return kind_name(value.kind);
  }
}

}  // namespace

c10::IValue to_ivalue(const ssp_op_s& op, const Argument& argument, const ssp_value& value) {
  try {
    return convert(op, argument, value);
  } catch (const Failure& e) {
    if (e.text.rfind(op.name, 0) == 0) throw;
    fail(e.status, fmt::format("{}: argument '{}': {}", op.name, schema_argument(op, argument).name(), e.text));
  }
}

void to_values(const ssp_op_s& op, std::vector<c10::IValue>& results, ssp_value* outs, uint32_t* n_outs) {
  uint32_t count = 0;
  for (const c10::IValue& v : results) count += v.isTensorList() ? static_cast<uint32_t>(v.toTensorList().size()) : 1;
  if (count > *n_outs) {
    fail(SSP_E_ARGUMENT, fmt::format("{}: gives {} results, the plugin has room for {}", op.name, count, *n_outs));
  }
  uint32_t i = 0;
  try {
    for (c10::IValue& v : results) {
      if (v.isTensorList()) {
        for (at::Tensor& t : std::move(v).toTensorVector()) outs[i++] = one_result(op, std::move(t));
      } else {
        outs[i++] = one_result(op, std::move(v));
      }
    }
  } catch (...) {
    while (i-- > 0) {
      if (outs[i].kind == SSP_V_TENSOR) op.host->handles.release(outs[i].u.tensor);
    }
    throw;
  }
  *n_outs = count;
}

std::string call_text(const ssp_op_s& op, const ssp_value* args, uint32_t n) {
  std::string text = op.name + "(";
  for (uint32_t i = 0; i < n; ++i) {
    text += fmt::format("{}{}={}", i ? ", " : "", schema_argument(op, op.given[i]).name(), value_text(op, args[i]));
  }
  return text + ")";
}

}  // namespace selfsup::bridge
