// The tables ssp.params and ssp.config, called as in a create.
#include "base/errors.h"
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

ssp_init init_of(uint32_t kind, double a = 0, double b = 0) {
  return {sizeof(ssp_init), kind, a, b, 0, 0, 0, 0, nullptr, 0};
}

struct Built {
  Host host;
  plugin::Registry registry{host.table()};
  const ssp_params& params = extension<ssp_params>(host, SSP_EXT_PARAMS);
  const ssp_config& config = extension<ssp_config>(host, SSP_EXT_CONFIG);

  ssp_status declare(ssp_build* b, const char* name, uint32_t kind, std::vector<int64_t> sizes, ssp_init init,
                     int32_t dtype = SSP_F32, uint32_t roles = 0, ssp_tensor* out = nullptr) {
    const ssp_param_desc desc{sizeof desc, dtype, text(name), sizes.data(), static_cast<uint32_t>(sizes.size()),
                              kind,        roles, 2,          &init};
    ssp_tensor handle{0};
    const ssp_status status = params.declare(b, &desc, &handle);
    if (status == SSP_OK && !out) handles::release(handle);
    if (out) *out = handle;
    return status;
  }
  ssp_build* scope(ssp_build* b, const char* prefix, const char* node = "", uint32_t flags = 0,
                   const char* overrides = "") {
    const ssp_scope request{sizeof request, flags, text(prefix), text(node), text(overrides)};
    ssp_build* child = nullptr;
    const ssp_status status = params.scope(b, &request, &child);
    INFO(error_text());
    REQUIRE(status == SSP_OK);
    return child;
  }
  ssp_value get(ssp_build* b, const char* key) {
    ssp_value v;
    REQUIRE(config.get(b, text(key), &v) == SSP_OK);
    return v;
  }
};

struct Listed {
  std::vector<std::string> names;
  std::vector<uint32_t> flags;
};

ssp_status note(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags) {
  auto& listed = *static_cast<Listed*>(self->receiver);
  listed.names.emplace_back(name.data, name.size);
  listed.flags.push_back(flags);
  handles::peek(tensor);
  return SSP_OK;
}

}  // namespace

TEST_CASE_METHOD(Built, "declared tensors stand in the store under their full names") {
  BuildWindow w(registry, R"({"neck": {}})");
  const ssp_init zero = init_of(SSP_INIT_CONSTANT);
  ssp_tensor handle;
  REQUIRE(declare(w.get(), "weight", SSP_PARAM, {2, 3}, zero, SSP_F32, SSP_ROLE_BIAS | SSP_ROLE_NO_DECAY, &handle) ==
          SSP_OK);
  ssp_build* neck = scope(w.get(), "neck", "neck");
  ssp_build* frozen = scope(neck, "teacher", "", SSP_SCOPE_FROZEN);
  REQUIRE(declare(frozen, "w", SSP_PARAM, {1}, zero) == SSP_OK);
  REQUIRE(declare(neck, "queue", uint32_t{SSP_BUFFER} | uint32_t{SSP_TENSOR_TRANSIENT} | uint32_t{SSP_TENSOR_PER_RANK},
                  {4}, zero, SSP_I64) == SSP_OK);
  REQUIRE(declare(neck, "table", SSP_PARAM_FROZEN, {}, zero) == SSP_OK);

  const model::Entry* weight = w.store.find("weight");
  REQUIRE(weight);
  CHECK(weight->tensor.is_same(handles::peek(handle)));
  CHECK(weight->tensor.requires_grad());
  CHECK(weight->roles == (SSP_ROLE_BIAS | SSP_ROLE_NO_DECAY));
  CHECK(weight->layer == 2);
  CHECK(w.store.find("neck.teacher.w")->kind == model::Kind::frozen);
  CHECK(w.store.find("neck.table")->tensor.dim() == 0);
  const model::Entry* queue = w.store.find("neck.queue");
  CHECK(queue->kind == model::Kind::buffer);
  CHECK(queue->transient);
  CHECK(queue->per_rank);
  CHECK(queue->tensor.scalar_type() == at::kLong);
  handles::release(handle);
}

TEST_CASE_METHOD(Built, "bad declarations are refused by name") {
  BuildWindow w(registry, "{}");
  const ssp_init zero = init_of(SSP_INIT_CONSTANT);
  REQUIRE(declare(w.get(), "a.b", SSP_PARAM, {1}, zero) == SSP_OK);
  CHECK(declare(w.get(), "a.b", SSP_PARAM, {1}, zero) != SSP_OK);
  CHECK_THAT(error_text(), Contains("'a.b'") && Contains("twice"));
  for (const char* name : {"", ".a", "a.", "a..b", "a b", "ä", "a/b"})
    CHECK(declare(w.get(), name, SSP_PARAM, {1}, zero) == SSP_E_ARGUMENT);
  CHECK(declare(w.get(), "c", SSP_PARAM | SSP_BUFFER, {1}, zero) == SSP_E_ARGUMENT);
  CHECK(declare(w.get(), "c", 0, {1}, zero) == SSP_E_ARGUMENT);
  CHECK(declare(w.get(), "c", SSP_PARAM | 1024, {1}, zero) == SSP_E_ARGUMENT);
  CHECK(declare(w.get(), "c", SSP_PARAM, {1}, zero, SSP_F32, 64) == SSP_E_ARGUMENT);
  CHECK(declare(w.get(), "c", SSP_PARAM, {1}, zero, SSP_I64) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("i64"));
  CHECK(declare(w.get(), "c", SSP_PARAM, {-1}, zero) == SSP_E_ARGUMENT);
  CHECK(declare(w.get(), "c", SSP_PARAM, {1 << 30, 1 << 30, 1 << 30}, zero) == SSP_E_ARGUMENT);
  CHECK(declare(w.get(), "c", SSP_PARAM, {1}, init_of(99)) == SSP_E_ARGUMENT);
  ssp_init small = zero;
  small.struct_size = 8;
  CHECK(declare(w.get(), "c", SSP_PARAM, {1}, small) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("struct_size"));
  const float values[] = {1, 2};
  ssp_init data = init_of(SSP_INIT_DATA);
  data.data = values;
  data.bytes = sizeof values;
  CHECK(declare(w.get(), "c", SSP_PARAM, {3}, data) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("12 bytes") && Contains("8"));
  // Fans that neither the shape nor the plugin tells.
  ssp_init xavier = init_of(SSP_INIT_XAVIER_UNIFORM), out_only = init_of(SSP_INIT_KAIMING_NORMAL, 0, 1);
  xavier.fan_in = out_only.fan_out = 4;
  CHECK(declare(w.get(), "v", SSP_PARAM, {4}, xavier) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("'v'") && Contains("fan_out"));
  CHECK(declare(w.get(), "v", SSP_PARAM, {4}, init_of(SSP_INIT_KAIMING_UNIFORM)) == SSP_E_ARGUMENT);
  CHECK(declare(w.get(), "v", SSP_PARAM, {4}, init_of(SSP_INIT_TRUNC_NORMAL, 0, 1)) == SSP_E_ARGUMENT);
  REQUIRE(declare(w.get(), "v", SSP_PARAM, {4}, out_only) == SSP_OK);
  xavier.fan_in = 0;
  CHECK(params.reinit(w.get(), text("v"), &xavier) == SSP_E_ARGUMENT);
  REQUIRE(declare(w.get(), "c", SSP_PARAM, {2}, data) == SSP_OK);
  w.store.initialise(1);
  CHECK(w.store.find("c")->tensor[1].item<float>() == 2.0f);
  ssp_build* child;
  const ssp_scope external{sizeof external, SSP_SCOPE_EXTERNAL, text("x"), {}, {}};
  CHECK(params.scope(w.get(), &external, &child) == SSP_E_UNSUPPORTED);
  const ssp_scope unknown{sizeof unknown, 4, text("x"), {}, {}};
  CHECK(params.scope(w.get(), &unknown, &child) == SSP_E_ARGUMENT);
  const ssp_scope nowhere{sizeof nowhere, 0, text("x"), text("no.node"), {}};
  CHECK(params.scope(w.get(), &nowhere, &child) == SSP_E_CONFIG);
  CHECK_THAT(error_text(), Contains("model.no.node"));
}

TEST_CASE_METHOD(Built, "a requester lists and re-initialises what is below it") {
  BuildWindow w(registry, "{}");
  const ssp_init zero = init_of(SSP_INIT_CONSTANT), two = init_of(SSP_INIT_CONSTANT, 2);
  ssp_build* student = scope(w.get(), "student");
  for (const char* name : {"layers.0.w", "layers.0.bias", "layers.1.w"})
    REQUIRE(declare(student, name, SSP_PARAM, {1}, zero) == SSP_OK);
  REQUIRE(declare(student, "count", SSP_BUFFER, {}, zero, SSP_I64) == SSP_OK);
  REQUIRE(declare(scope(w.get(), "students"), "w", SSP_PARAM, {1}, zero) == SSP_OK);
  Listed listed;
  const ssp_sink sink{sizeof sink, 0, &listed, note, nullptr};
  REQUIRE(params.list(w.get(), text("student"), SSP_PARAM, &sink) == SSP_OK);
  CHECK(listed.names == std::vector<std::string>{"layers.0.w", "layers.0.bias", "layers.1.w"});
  listed = {};
  REQUIRE(params.list(student, text("layers.0"), SSP_PARAM | SSP_BUFFER, &sink) == SSP_OK);
  CHECK(listed.names == std::vector<std::string>{"w", "bias"});
  listed = {};
  REQUIRE(params.list(student, {}, SSP_BUFFER, &sink) == SSP_OK);
  CHECK(listed.flags == std::vector<uint32_t>{SSP_BUFFER});
  CHECK(params.list(student, {}, 8, &sink) == SSP_E_ARGUMENT);
  REQUIRE(params.reinit(student, text("w"), &two) == SSP_OK);
  CHECK(params.reinit(student, text("s.0.w"), &two) != SSP_OK);  // not at a dot
  w.store.initialise(1);
  CHECK(w.store.find("student.layers.1.w")->tensor.item<float>() == 2.0f);
  CHECK(w.store.find("student.layers.0.bias")->tensor.item<float>() == 0.0f);
  CHECK(w.store.find("students.w")->tensor.item<float>() == 0.0f);
  CHECK(Host::live_handles() == 0);
}

TEST_CASE_METHOD(Built, "the sink of list may declare: a momentum twin of each tensor") {
  BuildWindow w(registry, "{}");
  ssp_build* student = scope(w.get(), "student");
  std::string name;
  for (int i = 0; i < 400; ++i)
    REQUIRE(declare(student, (name += 'w').c_str(), SSP_PARAM, {2}, init_of(SSP_INIT_CONSTANT)) == SSP_OK);
  struct Twins {
    Built& built;
    ssp_build* teacher;
    int made = 0;
  } twins{*this, scope(w.get(), "teacher")};
  const ssp_sink sink{sizeof sink, 0, &twins,
                      [](const ssp_sink* self, ssp_str name, ssp_tensor, uint32_t) {
                        auto& t = *static_cast<Twins*>(self->receiver);
                        ++t.made;
                        return t.built.declare(t.teacher, std::string(name.data, name.size).c_str(), SSP_PARAM_FROZEN,
                                               {2}, init_of(SSP_INIT_CONSTANT));
                      },
                      nullptr};
  SECTION("of the student's") {
    REQUIRE(params.list(student, {}, SSP_PARAM, &sink) == SSP_OK);
    CHECK(twins.made == 400);
    CHECK(w.store.find("teacher." + name));
  }
  SECTION("of all: those made meanwhile are not listed") {
    REQUIRE(params.list(w.get(), {}, SSP_PARAM | SSP_PARAM_FROZEN, &sink) == SSP_OK);
    CHECK(twins.made == 400);
  }
  CHECK(Host::live_handles() == 0);
}

TEST_CASE_METHOD(Built, "a sink of list that throws leaves no handle behind") {
  BuildWindow w(registry, "{}");
  REQUIRE(declare(w.get(), "w", SSP_PARAM, {1}, init_of(SSP_INIT_CONSTANT)) == SSP_OK);
  const ssp_sink sink{sizeof sink, 0, nullptr,
                      [](const ssp_sink*, ssp_str, ssp_tensor, uint32_t) -> ssp_status { throw 1; }, nullptr};
  CHECK(params.list(w.get(), {}, SSP_PARAM, &sink) != SSP_OK);
  CHECK(Host::live_handles() == 0);
}

TEST_CASE_METHOD(Built, "a declared tensor has no values in the create that declares it") {
  const auto& ops = extension<ssp_ops>(host, SSP_EXT_OPS);
  ssp_op clone, stack;
  REQUIRE(resolve_in_init(ops, "aten::clone", "", "self", &clone) == SSP_OK);
  REQUIRE(resolve_in_init(ops, "aten::stack", "", "tensors", &stack) == SSP_OK);
  BuildWindow w(registry, "{}");
  ssp_tensor weight, own;
  float value = 3;
  const int64_t one = 1;
  REQUIRE(declare(w.get(), "neck.weight", SSP_PARAM, {1}, init_of(SSP_INIT_CONSTANT), SSP_F32, 0, &weight) == SSP_OK);
  REQUIRE(ops.from_host(&value, SSP_F32, &one, 1, &own) == SSP_OK);
  const auto call = [&](ssp_op op, uint32_t kind, const ssp_tensor* t) {
    ssp_value arg{kind, kind == SSP_V_TENSORS ? 1u : 0u, {}};
    if (kind == SSP_V_TENSORS)
      arg.u.tensors = t;
    else
      arg.u.tensor = *t;
    return ops.call(op, &arg, 1, nullptr, nullptr);
  };
  CHECK(call(clone, SSP_V_TENSOR, &weight) == SSP_E_PRECONDITION);
  CHECK_THAT(error_text(), Contains("'neck.weight'") && Contains("SSP_EVENT_READY"));
  CHECK(call(stack, SSP_V_TENSORS, &weight) == SSP_E_PRECONDITION);
  CHECK(ops.to_host(weight, SSP_F32, &value, sizeof value) == SSP_E_PRECONDITION);
  CHECK(call(clone, SSP_V_TENSOR, &own) == SSP_OK);
  CHECK(ops.to_host(own, SSP_F32, &value, sizeof value) == SSP_OK);
  active().phase = Phase::call;
  CHECK(call(clone, SSP_V_TENSOR, &weight) == SSP_OK);
  active().phase = Phase::create;
  handles::release(weight);
  handles::release(own);
}

TEST_CASE_METHOD(Built, "config gives each value in its kind") {
  BuildWindow w(
      registry,
      R"({"i": 3, "d": 0.5, "b": true, "s": "text", "n": null, "ints": [1, 2], "mixed": [1, 2.5], "bools": [true, false],
                             "o": {"x": {"y": 7}}, "list": ["a"], "empty": []})");
  ssp_build* b = w.get();
  CHECK(get(b, "i").u.i == 3);
  CHECK(get(b, "i").kind == SSP_V_INT);
  CHECK(get(b, "d").u.d == 0.5);
  CHECK(get(b, "b").kind == SSP_V_BOOL);
  const ssp_value s = get(b, "s");
  CHECK(std::string(s.u.s, s.count) == "text");
  CHECK(get(b, "n").kind == SSP_V_NONE);
  CHECK(get(b, "absent").kind == SSP_V_NONE);
  CHECK(get(b, "o.x.y").u.i == 7);
  const ssp_value ints = get(b, "ints"), mixed = get(b, "mixed"), bools = get(b, "bools");
  CHECK(ints.kind == SSP_V_INTS);
  CHECK(ints.u.ints[1] == 2);
  CHECK(mixed.kind == SSP_V_DOUBLES);
  CHECK(mixed.u.doubles[0] == 1.0);
  CHECK(bools.kind == SSP_V_BOOLS);
  CHECK(bools.u.bools[0] == 1);
  CHECK(get(b, "empty").count == 0);
  const ssp_value object = get(b, "o"), list = get(b, "list");
  CHECK(parse_json(std::string(object.u.s, object.count), "t", "t").at_path("x.y")->as_int() == 7);
  CHECK(std::string(list.u.s, list.count) == R"(["a"])");
  ssp_str whole;
  REQUIRE(config.json(scope(b, "", "o", 0, R"({"x": {"z": 1}})"), &whole) == SSP_OK);
  const Json merged = parse_json(std::string(whole.data, whole.size), "t", "t");
  CHECK(merged.at_path("x.y")->as_int() == 7);
  CHECK(merged.at_path("x.z")->as_int() == 1);
  ssp_value v;
  CHECK(config.get(b, text(""), &v) == SSP_E_ARGUMENT);
}

TEST_CASE_METHOD(Built, "facts are known or none") {
  Facts facts;
  facts.global_batch = 256;
  facts.drop_last = true;
  facts.mean = {0.1, 0.2};
  BuildWindow w(registry, "{}", facts);
  const auto fact = [&](const char* name) {
    ssp_value v;
    REQUIRE(config.fact(w.get(), text(name), &v) == SSP_OK);
    return v;
  };
  CHECK(fact("global_batch").u.i == 256);
  CHECK(fact("drop_last").kind == SSP_V_BOOL);
  CHECK(fact("mean").u.doubles[1] == 0.2);
  CHECK(fact("std").kind == SSP_V_NONE);
  CHECK(fact("max_epochs").kind == SSP_V_NONE);
  CHECK(fact("of a later host").kind == SSP_V_NONE);
}

TEST_CASE_METHOD(Built, "a build object is for its create alone") {
  ssp_build* old;
  {
    BuildWindow w(registry, "{}");
    old = w.get();
    active().phase = Phase::call;
    ssp_value v;
    CHECK(config.get(old, text("x"), &v) == SSP_E_PRECONDITION);
    active().phase = Phase::create;
  }
  active().phase = Phase::create;
  ssp_value v;
  CHECK(config.get(old, text("x"), &v) == SSP_E_PRECONDITION);
  CHECK_THAT(error_text(), Contains("not alive"));
  CHECK(config.get(nullptr, text("x"), &v) == SSP_E_ARGUMENT);
  active().phase = Phase::idle;
}

}  // namespace selfsup::bridge::testing
