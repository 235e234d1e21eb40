// The table ssp.ops: what it refuses, what its errors say, copies, scopes, threads.
#include <ATen/autocast_mode.h>

#include <thread>

#include "bridge/operators/modes.h"
#include "bridge/operators/op_list.h"
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

ssp_value tensor(ssp_tensor t) {
  ssp_value v{SSP_V_TENSOR, 0, {}};
  v.u.tensor = t;
  return v;
}
ssp_value integer(int64_t i) {
  ssp_value v{SSP_V_INT, 0, {}};
  v.u.i = i;
  return v;
}

struct Fixture {
  Host host;
  const ssp_ops& ops = extension<ssp_ops>(host, SSP_EXT_OPS);
  ssp_op resolve(const char* name, const char* overload, const char* args) {
    ssp_op op = nullptr;
    const ssp_status status = resolve_in_init(host, name, overload, args, &op);
    INFO(error_text());
    REQUIRE(status == SSP_OK);
    return op;
  }
  ssp_status call(ssp_op op, std::vector<ssp_value> args, ssp_tensor* out = nullptr) {
    ssp_value result{};
    uint32_t n = 1;
    const ssp_status status =
        ops.call(op, args.data(), static_cast<uint32_t>(args.size()), out ? &result : nullptr, out ? &n : nullptr);
    if (out) *out = result.u.tensor;
    return status;
  }
};

// A tensor of ones [2, 2], as a component has declared it.
at::Tensor declare(model::ParameterStore& store, const std::string& name, model::Kind kind) {
  model::Entry entry;
  entry.name = name;
  entry.kind = kind;
  const model::Entry& stored = store.declare(std::move(entry), {2, 2}, at::kFloat);
  stored.tensor.fill_(1);
  at::Tensor tensor = stored.tensor;
  return tensor.set_requires_grad(kind == model::Kind::parameter);
}

}  // namespace

TEST_CASE_METHOD(Fixture, "resolve refuses what is not promised, and says why") {
  ssp_op op = nullptr;
  CHECK(resolve_in_init(host, "aten::no_such_op", "", "self", &op) == SSP_E_UNSUPPORTED);
  CHECK_THAT(error_text(), Contains("aten::no_such_op") && Contains("ops-1.txt"));
  CHECK(resolve_in_init(host, "c10d::allreduce_", "", "", &op) == SSP_E_UNSUPPORTED);
  CHECK_THAT(error_text(), Contains("aten:: only"));
  for (const char* name :
       {"aten::resize_", "aten::set_data", "aten::requires_grad_", "aten::retain_grad", "aten::_backward",
        "aten::squeeze_", "aten::t_", "aten::detach_", "aten::transpose_", "aten::unsqueeze_", "aten::swapdims_"}) {
    CHECK(resolve_in_init(host, name, "", "self", &op) == SSP_E_UNSUPPORTED);
  }
  CHECK(resolve_in_init(host, "aten::add", "Tensor", "self,other,beta", &op) == SSP_E_UNSUPPORTED);
  CHECK_THAT(error_text(), Contains("aten::add.Tensor") && Contains("'beta'"));
  CHECK(resolve_in_init(host, "aten::mm", "", "self", &op) == SSP_E_UNSUPPORTED);
  CHECK_THAT(error_text(), Contains("mat2"));
  CHECK(resolve_in_init(host, "aten::mm", "", "self,self,mat2", &op) == SSP_E_ARGUMENT);
  CHECK(resolve_in_init(host, "aten::uniform_", "", "self,from,to", &op) ==
        SSP_E_UNSUPPORTED);  // without its generator
  CHECK(resolve_in_init(host, "aten::add.Tensor", "", "self,other", &op) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("as name \"aten::add\" and overload \"Tensor\""));
  const plugin::Crossing init("test", "init");
  CHECK(ops.resolve(host.table(), "aten::mm", nullptr, "self,mat2", &op) == SSP_E_ARGUMENT);
  CHECK(ops.resolve(nullptr, "aten::mm", "", "self,mat2", &op) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("no ssp_host"));
  CHECK(op == nullptr);
}

TEST_CASE_METHOD(Fixture, "arguments are found by name, in any order") {
  const ssp_op sub = resolve("aten::sub", "Tensor", "alpha,other,self");
  Window window(host);
  const ssp_tensor a = give(host, at::full({2}, 5.0)), b = give(host, at::full({2}, 1.0));
  ssp_tensor out{};
  REQUIRE(call(sub, {integer(3), tensor(b), tensor(a)}, &out) == SSP_OK);
  CHECK(peek(out)[0].item<float>() == 2.0f);
  for (ssp_tensor t : {a, b, out}) release(t);
}

TEST_CASE_METHOD(Fixture, "errors of operators name the operator, its arguments and their shapes") {
  const ssp_op mm = resolve("aten::mm", "", "self,mat2");
  const ssp_op cat = resolve("aten::cat", "", "tensors,dim");
  Window window(host);
  const ssp_tensor a = give(host, at::zeros({2, 3})), b = give(host, at::zeros({4, 5}));
  ssp_tensor out{};
  CHECK(call(mm, {tensor(a), tensor(b)}, &out) == SSP_E_OP);
  CHECK_THAT(error_text(), Contains("aten::mm(self=f32[2, 3], mat2=f32[4, 5])"));
  CHECK(call(mm, {tensor(a)}, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("resolved with 2 arguments, called with 1"));
  CHECK(call(mm, {tensor(a), integer(3)}, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("'mat2'") && Contains("an int"));
  CHECK(call(mm, {tensor(a), ssp_value{SSP_V_NONE, 0, {}}}, &out) == SSP_E_ARGUMENT);
  CHECK(call(mm, {tensor(a), ssp_value{99, 0, {}}}, &out) == SSP_E_ARGUMENT);
  CHECK(call(mm, {tensor(a), ssp_value{SSP_V_DEFAULT, 0, {}}}, &out) == SSP_E_ARGUMENT);
  CHECK(call(mm, {tensor(a), tensor({12345})}, &out) == SSP_E_HANDLE);
  CHECK_THAT(error_text(), Contains("aten::mm") && Contains("'mat2'"));
  CHECK(call(nullptr, {}, &out) == SSP_E_ARGUMENT);
  ssp_value list{SSP_V_TENSORS, 2, {}};
  CHECK(call(cat, {list, integer(0)}, &out) == SSP_E_ARGUMENT);  // two tensors at a null address
  const ssp_tensor both[] = {a, b};
  list.u.tensors = both;
  CHECK(call(cat, {list, integer(0)}, &out) == SSP_E_OP);
  CHECK_THAT(error_text(), Contains("tensors=[f32[2, 3], f32[4, 5]]"));
  release(a);
  release(b);
  CHECK(host.live_handles() == 0);
}

TEST_CASE_METHOD(Fixture, "an operator that takes a generator never draws without one") {
  int found = 0;
  for (const ListedOp& listed : op_list()) {
    if (!listed.accepts("generator")) continue;
    std::string args = "generator";  // first, so that nothing else is refused before it
    for (const std::string& name : listed.arguments) args += name == "generator" ? "" : "," + name;
    ssp_op op = nullptr;
    REQUIRE(resolve_in_init(host, listed.name, listed.overload, args, &op) == SSP_OK);
    Window window(host);
    for (uint32_t kind : {SSP_V_NONE, SSP_V_DEFAULT}) {
      CHECK(call(op, std::vector<ssp_value>(listed.arguments.size(), {kind, 0, {}})) == SSP_E_ARGUMENT);
      CHECK_THAT(error_text(), Contains(listed.name) && Contains("'generator' must be a generator of ssp.rng"));
    }
    ++found;
  }
  CHECK(found >= 10);
}

TEST_CASE_METHOD(Fixture, "results need room, and may be dropped") {
  const ssp_op unbind = resolve("aten::unbind", "int", "self,dim");
  const ssp_op topk = resolve("aten::topk", "", "self,k");
  const ssp_op add_ = resolve("aten::add_", "Scalar", "self,other");
  Window window(host);
  const ssp_tensor a = give(host, at::arange(6).to(at::kFloat).reshape({3, 2}));
  ssp_value outs[3];
  uint32_t n = 2;
  const ssp_value args[] = {tensor(a), integer(0)};
  CHECK(ops.call(unbind, args, 2, outs, &n) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("gives 3 results, the plugin has room for 2"));
  n = 3;
  REQUIRE(ops.call(unbind, args, 2, outs, &n) == SSP_OK);
  CHECK(n == 3);
  for (const ssp_value& v : outs) release(v.u.tensor);
  const ssp_value k[] = {tensor(a), integer(1)};
  n = 1;
  CHECK(ops.call(topk, k, 2, outs, &n) == SSP_E_ARGUMENT);
  CHECK(call(topk, {tensor(a), integer(1)}) == SSP_OK);  // dropped
  n = 0;
  const ssp_value plus[] = {tensor(a), integer(1)};
  CHECK(ops.call(add_, plus, 2, outs, &n) == SSP_E_ARGUMENT);  // refused before it changes anything
  CHECK(peek(a)[0][0].item<float>() == 0.0f);
  release(a);
  CHECK(host.live_handles() == 0);
}

TEST_CASE_METHOD(Fixture, "lists of ints that repeat are not mixed up") {
  const ssp_op view = resolve("aten::view", "", "self,size");
  Window window(host);
  const ssp_tensor a = give(host, at::zeros({24}));
  for (int round = 0; round < 3; ++round) {
    for (std::vector<int64_t> size :
         {std::vector<int64_t>{2, 12}, {12, 2}, {2, 3, 4}, {24}, {1, 1, 1, 1, 1, 1, 1, 1, 24}}) {
      ssp_value v{SSP_V_INTS, static_cast<uint32_t>(size.size()), {}};
      v.u.ints = size.data();
      ssp_tensor out{};
      REQUIRE(call(view, {tensor(a), v}, &out) == SSP_OK);
      CHECK(peek(out).sizes() == at::IntArrayRef(size));
      release(out);
    }
  }
  release(a);
}

TEST_CASE_METHOD(Fixture, "operators are for the thread and the time of a call") {
  const ssp_op mean = resolve("aten::mean", "", "self");
  const ssp_tensor a = give(host, at::ones({3}));
  ssp_tensor out{};
  CHECK(call(mean, {tensor(a)}, &out) == SSP_E_PRECONDITION);
  Window window(host);
  CHECK(call(mean, {tensor(a)}, &out) == SSP_OK);
  release(out);
  ssp_op late = nullptr;
  CHECK(ops.resolve(host.table(), "aten::exp", "", "self", &late) == SSP_E_PRECONDITION);
  std::thread([&] {
    const plugin::Crossing elsewhere("test", "apply");
    CHECK(ops.resolve(host.table(), "aten::exp", "", "self", &late) == SSP_E_PRECONDITION);
  }).join();
  std::thread([&] {
    CHECK(call(mean, {tensor(a)}, &out) == SSP_E_PRECONDITION);
    CHECK_THAT(error_text(), Contains("another thread"));
    auto info = sized<ssp_tensor_info>();
    CHECK(ops.info(a, &info) == SSP_E_PRECONDITION);
    CHECK(ops.retain(a) == SSP_OK);
    CHECK(ops.release(a) == SSP_OK);
  }).join();
  release(a);
}

TEST_CASE_METHOD(Fixture, "tensors go to the host and come from it") {
  Window window(host);
  const float values[] = {1, 2.5, -3, 0, 7, 9};
  const int64_t sizes[] = {2, 3};
  ssp_tensor t;
  REQUIRE(ops.from_host(window.call(), values, SSP_F32, sizes, 2, &t) == SSP_OK);
  auto info = sized<ssp_tensor_info>();
  REQUIRE(ops.info(t, &info) == SSP_OK);
  CHECK(info.ndim == 2);
  CHECK(info.sizes[1] == 3);
  CHECK(info.numel == 6);
  CHECK(info.dtype == SSP_F32);
  CHECK(info.device_type == SSP_DEVICE_CPU);
  CHECK(info.device_index == 0);
  int64_t back[6];
  REQUIRE(ops.to_host(t, SSP_I64, back, sizeof back) == SSP_OK);
  CHECK(back[2] == -3);
  CHECK(ops.to_host(t, SSP_F32, back, 5) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("24 bytes") && Contains("buffer 5"));
  CHECK(ops.to_host(t, 77, back, sizeof back) == SSP_E_ARGUMENT);
  const int64_t negative[] = {-1};
  ssp_tensor none;
  CHECK(ops.from_host(window.call(), values, SSP_F32, negative, 1, &none) == SSP_E_ARGUMENT);
  CHECK(ops.from_host(window.call(), nullptr, SSP_F32, sizes, 2, &none) == SSP_E_ARGUMENT);
  release(t);
}

TEST_CASE_METHOD(Fixture, "a result of a type that the SDK does not name is refused") {
  const ssp_op neg = resolve("aten::neg", "", "self"), unbind = resolve("aten::unbind", "int", "self,dim");
  Window window(host);
  const ssp_tensor a = give(host, at::ones({2}, at::kShort)), pair = give(host, at::zeros({2, 2}, at::kShort));
  ssp_tensor out{};
  CHECK(call(neg, {tensor(a)}, &out) == SSP_E_UNSUPPORTED);
  CHECK_THAT(error_text(), Contains("aten::neg(self=Short[2]): gives Short") && Contains(".to("));
  CHECK(call(neg, {tensor(a)}) == SSP_OK);  // nobody wants it
  ssp_value outs[2];
  uint32_t n = 2;
  const ssp_value args[] = {tensor(pair), integer(0)};
  CHECK(ops.call(unbind, args, 2, outs, &n) == SSP_E_UNSUPPORTED);
  release(a);
  release(pair);
  CHECK(host.live_handles() == 0);
}

TEST_CASE_METHOD(Fixture, "complex numbers cross as any others") {
  const ssp_op complex = resolve("aten::complex", "", "real,imag");
  Window window(host);
  const ssp_tensor a = give(host, at::ones({2}));
  ssp_tensor out{};
  REQUIRE(call(complex, {tensor(a), tensor(a)}, &out) == SSP_OK);
  auto info = sized<ssp_tensor_info>();
  REQUIRE(ops.info(out, &info) == SSP_OK);
  CHECK(info.dtype == SSP_C64);
  float back[4] = {};
  REQUIRE(ops.to_host(out, SSP_C64, back, sizeof back) == SSP_OK);
  CHECK(back[1] == 1.0f);
  release(out);
  release(a);
}

TEST_CASE_METHOD(Fixture, "grad and autocast scopes nest and are put back") {
  Window window(host);
  const bool grad = c10::GradMode::is_enabled();
  CHECK(ops.state_pop(window.call()) == SSP_E_PRECONDITION);
  {
    modes::Guard guard(host.state().modes);
    REQUIRE(ops.grad_push(window.call(), 0) == SSP_OK);
    CHECK_FALSE(c10::GradMode::is_enabled());
    REQUIRE(ops.autocast_push(window.call(), 1, SSP_BF16) == SSP_OK);
    CHECK(at::autocast::is_autocast_enabled(at::kCPU));
    {
      modes::Guard inner(host.state().modes);  // a callback inside cannot pop what is not its own
      CHECK(ops.state_pop(window.call()) == SSP_E_PRECONDITION);
    }
    REQUIRE(ops.state_pop(window.call()) == SSP_OK);
    CHECK_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
    CHECK_THAT(guard.imbalance(), Contains("state_pop"));
  }
  CHECK(c10::GradMode::is_enabled() == grad);
  CHECK(ops.autocast_push(window.call(), 1, SSP_I64) == SSP_E_ARGUMENT);
}

TEST_CASE_METHOD(Fixture, "the run's autocast is that of the run: none in one that computes in fp32") {
  const ssp_op mm = resolve("aten::mm", "", "self,mat2");
  for (const std::optional<at::ScalarType> of_run : {std::optional<at::ScalarType>(), {at::kBFloat16}, {at::kHalf}}) {
    host.set_environment({.autocast = of_run});
    Window window(host);
    const ssp_tensor x = give(host, at::ones({2, 2}));
    const auto computes_in = [&] {
      ssp_tensor out{};
      REQUIRE(call(mm, {tensor(x), tensor(x)}, &out) == SSP_OK);
      const at::ScalarType type = peek(out).scalar_type();
      release(out);
      return type;
    };
    const at::ScalarType want = of_run.value_or(at::kFloat);
    REQUIRE(ops.autocast_push(window.call(), 1, 0) == SSP_OK);
    CHECK(computes_in() == want);
    // Whatever has been pushed before.
    REQUIRE(ops.autocast_push(window.call(), 1, SSP_BF16) == SSP_OK);
    CHECK(computes_in() == at::kBFloat16);
    REQUIRE(ops.autocast_push(window.call(), 1, 0) == SSP_OK);
    CHECK(computes_in() == want);
    REQUIRE(ops.autocast_push(window.call(), 0, 0) == SSP_OK);
    CHECK(computes_in() == at::kFloat);
    REQUIRE(ops.state_pop(window.call()) == SSP_OK);
    CHECK(computes_in() == want);
    REQUIRE(ops.state_pop(window.call()) == SSP_OK);
    CHECK(computes_in() == at::kBFloat16);
    REQUIRE(ops.state_pop(window.call()) == SSP_OK);
    REQUIRE(ops.state_pop(window.call()) == SSP_OK);
    CHECK(computes_in() == at::kFloat);
    release(x);
  }
}

TEST_CASE_METHOD(Fixture, "a weight changed in place is used as changed under autocast") {
  const ssp_op mm = resolve("aten::mm", "", "self,mat2");
  const ssp_op mul_ = resolve("aten::mul_", "Scalar", "self,other");
  const ssp_op detach = resolve("aten::detach", "", "self");
  model::ParameterStore store;
  const at::Tensor weight = declare(store, "weight", model::Kind::parameter);
  host.state().declared.use(&store);
  const bool through_alias = GENERATE(false, true);
  Window window(host);
  const ssp_tensor x = give(host, at::ones({2, 2})), w = give(host, weight);
  REQUIRE(ops.autocast_push(window.call(), 1, SSP_BF16) == SSP_OK);
  ssp_tensor first{}, second{}, alias{}, changed{};
  REQUIRE(call(mm, {tensor(x), tensor(w)}, &first) == SSP_OK);
  REQUIRE(ops.grad_push(window.call(), 0) == SSP_OK);
  REQUIRE(call(detach, {tensor(w)}, &alias) == SSP_OK);
  REQUIRE(call(mul_, {tensor(through_alias ? alias : w), integer(3)}, &changed) == SSP_OK);
  REQUIRE(ops.state_pop(window.call()) == SSP_OK);
  REQUIRE(call(mm, {tensor(x), tensor(w)}, &second) == SSP_OK);
  CHECK(peek(first)[0][0].item<float>() == 2.0f);
  CHECK(peek(second)[0][0].item<float>() == 6.0f);
  REQUIRE(ops.state_pop(window.call()) == SSP_OK);
  for (ssp_tensor t : {x, w, first, second, alias, changed}) release(t);
}

TEST_CASE_METHOD(Fixture, "what is declared is not changed in place while gradients are recorded") {
  const ssp_op mul_ = resolve("aten::mul_", "Scalar", "self,other"),
               select = resolve("aten::select", "int", "self,dim,index");
  model::ParameterStore store;
  const auto [kind, what] =
      GENERATE(table<model::Kind, std::string>({{model::Kind::buffer, "the buffer 'queue'"},
                                                {model::Kind::frozen, "the parameter 'queue'"},
                                                {model::Kind::parameter, "the parameter 'queue'"}}));
  const at::Tensor queue = declare(store, "queue", kind);
  host.state().declared.use(&store);
  Window window(host);
  const ssp_tensor q = give(host, queue), own = give(host, at::ones({2, 2}));
  ssp_tensor row{};
  REQUIRE(call(select, {tensor(q), integer(0), integer(1)}, &row) == SSP_OK);
  for (const ssp_tensor t : {q, row}) {
    CHECK(call(mul_, {tensor(t), integer(3)}) == SSP_E_OP);
    CHECK_THAT(error_text(), Contains("aten::mul_.Scalar: it changes " + what) && Contains("grad_push(0)"));
  }
  CHECK(queue.detach().sum().item<float>() == 4.0f);
  CHECK(call(mul_, {tensor(own), integer(3)}) == SSP_OK);
  REQUIRE(ops.grad_push(window.call(), 0) == SSP_OK);
  CHECK(call(mul_, {tensor(q), integer(3)}) == SSP_OK);
  REQUIRE(ops.state_pop(window.call()) == SSP_OK);
  CHECK(queue.detach().sum().item<float>() == 12.0f);
  for (ssp_tensor t : {q, own, row}) release(t);
}

TEST_CASE_METHOD(Fixture, "extensions are found by id and revision") {
  const ssp_host* table = host.table();
  for (const char* id : {SSP_EXT_OPS, SSP_EXT_PARAMS, SSP_EXT_CONFIG, SSP_EXT_REGISTRY, SSP_EXT_CALL, SSP_EXT_RNG,
                         SSP_EXT_DIST, SSP_EXT_BATCH_NORM, SSP_EXT_LOG}) {
    CHECK(table->get_extension(table, id) != nullptr);
  }
  CHECK(table->get_extension(table, "ssp.ops/99") == nullptr);
  CHECK(table->get_extension(table, "ssp.custom_grad/0") == nullptr);
  CHECK(table->get_extension(table, nullptr) == nullptr);
}

}  // namespace selfsup::bridge::testing
