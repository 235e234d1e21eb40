// Every operator of sdk/ops-1.txt, called through the table, against its native twin: the dispatcher with a stack that
// the test fills itself. Forward, backward, bf16 tensors, bf16 autocast.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/function_schema.h>
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "base/errors.h"
#include "bridge/support/op_samples.h"
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

constexpr uint64_t kKey = 0x0123456789abcdefull;

struct Case {
  const ListedOp& op;
  std::vector<std::string> sample;
  c10::OperatorHandle handle;
  bool writes = false;
  bool creates = false;  // takes no tensor: bf16 means dtype=bf16
  std::string name() const { return full_name(op.name, op.overload); }
};

Case make_case(const ListedOp& op) {
  Case c{op, sample_of(op), c10::Dispatcher::singleton().findSchemaOrThrow(op.name.c_str(), op.overload.c_str())};
  bool tensors = false;
  for (const c10::Argument& a : c.handle.schema().arguments()) {
    c.writes = c.writes || (a.alias_info() && a.alias_info()->isWrite());
    tensors = tensors || a.type()->repr_str().find("Tensor") != std::string::npos;
  }
  c.creates = !tensors;
  return c;
}

enum class Mode { f32, bf16, autocast };

std::vector<Value> make_values(const Case& c, Mode mode) {
  std::vector<Value> values;
  const bool gradients = c.op.backward || !c.writes;
  for (size_t i = 0; i < c.sample.size(); ++i) {
    const bool creates_bf16 = mode == Mode::bf16 && c.creates && c.op.arguments[i] == "dtype";
    values.push_back(parse_value(creates_bf16 ? "bf16" : c.sample[i], gradients, mode == Mode::bf16));
  }
  return values;
}

// Whether bf16 makes a difference to this case: a tensor of that type among its arguments, or asked for as the
// result's.
bool takes_bf16(const Case& c) {
  for (const Value& v : make_values(c, Mode::bf16)) {
    if (v.kind == Value::Kind::dtype && v.ints[0] == SSP_BF16) return true;
    for (const at::Tensor& t : v.tensors)
      if (t.scalar_type() == at::kBFloat16) return true;
  }
  return false;
}

// The same numbers in fresh leaves.
std::vector<Value> copy_values(const std::vector<Value>& values) {
  std::vector<Value> copy = values;
  for (Value& v : copy) {
    for (at::Tensor& t : v.tensors)
      t = at::empty_strided(t.sizes(), t.strides(), t.options()).copy_(t.detach()).set_requires_grad(t.requires_grad());
  }
  return copy;
}

// What is changed in place must be no leaf.
std::vector<at::Tensor> operands(const Case& c, const std::vector<Value>& values, size_t i) {
  const auto position = static_cast<size_t>(*c.handle.schema().argumentIndexWithName(c.op.arguments[i]));
  const auto* alias = c.handle.schema().arguments()[position].alias_info();
  std::vector<at::Tensor> tensors = values[i].tensors;
  if (alias && alias->isWrite()) {
    for (at::Tensor& t : tensors) {
      if (t.requires_grad()) t = t * 1;
    }
  }
  return tensors;
}

at::Tensor as_tensor(const ssp_value& v) {
  switch (v.kind) {
    case SSP_V_TENSOR: {
      at::Tensor t = peek(v.u.tensor);
      release(v.u.tensor);
      return t;
    }
    case SSP_V_DOUBLE:
      return at::scalar_tensor(v.u.d, at::kDouble);
    case SSP_V_NONE:
      return {};
    default:
      return at::scalar_tensor(v.u.i, at::kLong);
  }
}

std::vector<at::Tensor> through_table(const Host& host, const Case& c, ssp_op op, const std::vector<Value>& values) {
  std::vector<ssp_value> args;
  std::vector<std::vector<ssp_tensor>> handles_of(values.size());
  using K = Value::Kind;
  for (size_t i = 0; i < values.size(); ++i) {
    const Value& v = values[i];
    ssp_value a{SSP_V_NONE, 0, {}};
    for (const at::Tensor& t : operands(c, values, i)) handles_of[i].push_back(give(host, t));
    switch (v.kind) {
      case K::none:
        break;
      case K::byDefault:
        a.kind = SSP_V_DEFAULT;
        break;
      case K::tensor:
        a.kind = SSP_V_TENSOR;
        a.u.tensor = handles_of[i][0];
        break;
      case K::tensors:
        a.kind = SSP_V_TENSORS;
        a.count = static_cast<uint32_t>(handles_of[i].size());
        a.u.tensors = handles_of[i].data();
        break;
      case K::integer:
        a.kind = SSP_V_INT;
        a.u.i = v.ints[0];
        break;
      case K::real:
        a.kind = SSP_V_DOUBLE;
        a.u.d = v.real;
        break;
      case K::boolean:
        a.kind = SSP_V_BOOL;
        a.u.i = v.ints[0];
        break;
      case K::text:
        a.kind = SSP_V_STR;
        a.count = static_cast<uint32_t>(v.text.size());
        a.u.s = v.text.data();
        break;
      case K::ints:
        a.kind = SSP_V_INTS;
        a.count = static_cast<uint32_t>(v.ints.size());
        a.u.ints = v.ints.data();
        break;
      case K::dtype:
        a.kind = SSP_V_DTYPE;
        a.u.i = v.ints[0];
        break;
      case K::device:
        // The device of some tensor; one is made for the purpose.
        handles_of[i].push_back(give(host, at::empty({})));
        a.kind = SSP_V_DEVICE_OF;
        a.u.tensor = handles_of[i][0];
        break;
      case K::generator:
        a.kind = SSP_V_GENERATOR;
        a.u.i = host.state().generators.lend(at::kCPU, kKey);
        break;
    }
    args.push_back(a);
  }
  ssp_value outs[16];
  uint32_t n = 16;
  const auto& ops = extension<ssp_ops>(host, SSP_EXT_OPS);
  const ssp_status status = ops.call(op, args.data(), static_cast<uint32_t>(args.size()), outs, &n);
  const std::string error = error_text();
  for (const auto& list : handles_of) {
    for (ssp_tensor t : list) release(t);
  }
  if (status != SSP_OK) throw std::runtime_error(error);
  std::vector<at::Tensor> results;
  for (uint32_t i = 0; i < n; ++i) results.push_back(as_tensor(outs[i]));
  return results;
}

c10::IValue native_value(const c10::Argument& schema, const Value& v, const std::vector<at::Tensor>& tensors) {
  const std::string type = schema.real_type()->repr_str();
  using K = Value::Kind;
  switch (v.kind) {
    case K::none:
      return {};
    case K::byDefault:
      return *schema.default_value();
    case K::tensor:
      return tensors[0];
    case K::tensors: {
      if (type.find("Optional[Tensor]") == std::string::npos) return c10::List<at::Tensor>(tensors);
      c10::List<std::optional<at::Tensor>> list;
      for (const at::Tensor& t : tensors) list.push_back(t);
      return list;
    }
    case K::integer:
      if (type.find("List[") != std::string::npos)
        return c10::List<int64_t>(std::vector<int64_t>(static_cast<size_t>(*schema.N()), v.ints[0]));
      if (type.find("float") != std::string::npos) return static_cast<double>(v.ints[0]);
      return v.ints[0];
    case K::real:
      return v.real;
    case K::boolean:
      return v.ints[0] != 0;
    case K::text:
      return v.text;
    case K::ints:
      return c10::List<int64_t>(v.ints);
    case K::dtype:
      return static_cast<int64_t>(v.ints[0] == SSP_F32   ? at::kFloat
                                  : v.ints[0] == SSP_F64 ? at::kDouble
                                                         : at::kBFloat16);
    case K::device:
      return c10::Device(at::kCPU);
    case K::generator:
      return at::make_generator<at::CPUGeneratorImpl>(Generators::seed_for(at::kCPU, kKey));
  }
  return {};
}

std::vector<at::Tensor> natively(const Case& c, const std::vector<Value>& values) {
  torch::jit::Stack stack;
  for (const c10::Argument& a : c.handle.schema().arguments()) {
    const auto given = std::find(c.op.arguments.begin(), c.op.arguments.end(), a.name());
    if (given == c.op.arguments.end()) {
      stack.push_back(*a.default_value());
    } else {
      const auto i = static_cast<size_t>(given - c.op.arguments.begin());
      stack.push_back(native_value(a, values[i], operands(c, values, i)));
    }
  }
  // In place on a list: nothing is returned, the arguments are the results.
  std::vector<at::Tensor> changed;
  if (c.handle.schema().returns().empty()) changed = stack[0].toTensorVector();
  c.handle.callBoxed(stack);
  std::vector<at::Tensor> results;
  for (const c10::IValue& v : stack) {
    if (v.isTensorList()) {
      for (const at::Tensor& t : v.toTensorVector()) results.push_back(t);
    } else if (v.isTensor()) {
      results.push_back(v.toTensor());
    } else if (v.isDouble()) {
      results.push_back(at::scalar_tensor(v.toDouble(), at::kDouble));
    } else {
      results.push_back(at::scalar_tensor(v.isBool() ? int64_t{v.toBool()} : v.toInt(), at::kLong));
    }
  }
  return results;
}

bool is_empty_maker(const std::string& name) { return name.find("empty") != std::string::npos; }

// Sums the results against fixed numbers and returns the gradients of the leaves.
std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& results, const std::vector<Value>& values) {
  at::Tensor total = at::zeros({}, at::kDouble);
  for (const at::Tensor& r : results) {
    if (!r.defined() || !r.requires_grad()) continue;
    const at::Tensor real = r.is_complex() ? at::view_as_real(r.resolve_conj()) : r;
    const at::Tensor numbers = at::linspace(0.5, 1.5, std::max<int64_t>(real.numel(), 1), at::kDouble);
    total = total + (real.to(at::kDouble).reshape({-1}) * numbers.slice(0, 0, real.numel())).sum();
  }
  if (!total.requires_grad()) return {};
  total.backward();
  std::vector<at::Tensor> gradients;
  for (const Value& v : values) {
    for (const at::Tensor& t : v.tensors) gradients.push_back(t.grad());
  }
  return gradients;
}

bool same(const at::Tensor& a, const at::Tensor& b) {
  if (a.defined() != b.defined()) return false;
  if (!a.defined()) return true;
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  if (a.is_complex())
    return same(at::view_as_real(a.detach().resolve_conj()), at::view_as_real(b.detach().resolve_conj()));
  return at::allclose(a.detach(), b.detach(), 0, 0, /*equal_nan=*/true);
}

std::string run_case(const Host& host, ssp_call* call, const Case& c, ssp_op op, Mode mode) {
  const auto& ops = extension<ssp_ops>(host, SSP_EXT_OPS);
  const std::vector<Value> mine = make_values(c, mode);
  const std::vector<Value> twins = copy_values(mine);
  std::vector<at::Tensor> got, expected;
  if (mode == Mode::autocast) {
    if (ops.autocast_push(call, 1, SSP_BF16) != SSP_OK) return "autocast_push: " + error_text();
  }
  std::string error;
  try {
    got = through_table(host, c, op, mine);
    expected = natively(c, twins);
  } catch (const std::exception& e) {
    error = e.what();
  }
  if (mode == Mode::autocast) ops.state_pop(call);
  if (!error.empty()) return error;
  if (c.handle.schema().returns().empty()) {
    got = mine[0].tensors;
    expected = twins[0].tensors;
  }
  if (got.size() != expected.size()) return fmt::format("{} results, natively {}", got.size(), expected.size());
  bool carries = false;
  for (size_t i = 0; i < got.size(); ++i) {
    const bool shapes_only = is_empty_maker(c.name());
    if (shapes_only ? got[i].sizes() != expected[i].sizes() : !same(got[i], expected[i]))
      return fmt::format("result {} differs", i);
    carries = carries || (got[i].defined() && got[i].requires_grad());
  }
  if (c.op.backward != carries) return carries ? "a result carries a gradient" : "no result carries a gradient";
  if (mode == Mode::bf16 && c.creates && got[0].scalar_type() != at::kBFloat16) return "made no bf16";
  if (!carries) return {};
  const std::vector<at::Tensor> a = gradients_of(got, mine), b = gradients_of(expected, twins);
  bool any = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) return fmt::format("gradient {} differs", i);
    any = any || a[i].defined();
  }
  return any ? "" : "no argument got a gradient";
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& w : words) text += (text.empty() ? "" : ",") + w;
  return text;
}

}  // namespace

TEST_CASE("every listed operator equals its native twin") {
  Host host;
  int tested = 0;
  for (const ListedOp& listed : op_list()) {
    const Case c = make_case(listed);
    INFO(c.name());
    ssp_op op = nullptr;
    const ssp_status resolved = resolve_in_init(host, listed.name, listed.overload, join(listed.arguments), &op);
    INFO(error_text());
    REQUIRE(resolved == SSP_OK);
    CHECK_FALSE(
        (listed.kept && listed.name.starts_with("aten::_")));  // LibTorch promises nothing about its private names
    Window window(host);
    const int64_t before = host.live_handles();
    CHECK(run_case(host, window.call(), c, op, Mode::f32) == "");
    CHECK(run_case(host, window.call(), c, op, Mode::autocast) == "");
    if (listed.bf16) CHECK(run_case(host, window.call(), c, op, Mode::bf16) == "");
    if (!listed.bf16 && takes_bf16(c)) CHECK(run_case(host, window.call(), c, op, Mode::bf16) != "");
    CHECK(host.live_handles() == before);
    ++tested;
  }
  CHECK(tested >= 150);
}

TEST_CASE("a wrong line of the list does not pass") {
  Host host;
  const auto run_line = [&](const std::string& line) {
    const std::vector<ListedOp> list = parse_op_list(line);
    const Case c = make_case(list[0]);
    ssp_op op = nullptr;
    REQUIRE(resolve_in_init(host, list[0].name, list[0].overload, join(list[0].arguments), &op) == SSP_OK);
    Window window(host);
    return run_case(host, window.call(), c, op, Mode::f32);
  };
  CHECK(run_line("aten::argmax(self,dim,keepdim) kept backward=yes bf16=yes") != "");
  CHECK(run_line("aten::exp(self) kept backward=no bf16=yes") != "");
  CHECK_THROWS_AS(parse_op_list("aten::exp(self) kept backward=maybe bf16=yes"), Error);
  CHECK_THROWS_AS(parse_op_list("aten::exp(self) promised backward=yes bf16=yes"), Error);
  CHECK_THROWS_AS(
      parse_op_list("aten::exp(self) kept backward=yes bf16=yes\naten::exp(self) kept backward=yes bf16=yes"), Error);
  CHECK_THROWS_AS(make_case(parse_op_list("aten::no_such_thing(self) kept backward=yes bf16=yes")[0]), c10::Error);
}

}  // namespace selfsup::bridge::testing
