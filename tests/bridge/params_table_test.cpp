// The table ssp.params, called as in a create.
#include "bridge/support/built.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

struct Listed {
  std::vector<std::string> names;
  std::vector<uint32_t> flags;
};

ssp_status note(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags) {
  auto& listed = *static_cast<Listed*>(self->receiver);
  listed.names.emplace_back(name.data, name.size);
  listed.flags.push_back(flags);
  peek(tensor);
  return SSP_OK;
}

}  // namespace

TEST_CASE_METHOD(Built, "declared tensors stand in the store under their full names") {
  BuildWindow w(host, registry, R"({"neck": {}})");
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
  CHECK(weight->tensor.is_same(peek(handle)));
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
  release(handle);
}

TEST_CASE_METHOD(Built, "bad declarations are refused by name") {
  BuildWindow w(host, registry, "{}");
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
  CHECK(declare(w.get(), "c", SSP_PARAM, {1 << 30, 1 << 30, 1 << 30}, zero) == SSP_E_CONFIG);
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
  const ssp_scope unknown{sizeof unknown, 2, text("x"), {}, {}};
  CHECK(params.scope(w.get(), &unknown, &child) == SSP_E_ARGUMENT);
  const ssp_scope nowhere{sizeof nowhere, 0, text("x"), text("no.node"), {}};
  CHECK(params.scope(w.get(), &nowhere, &child) == SSP_E_CONFIG);
  CHECK_THAT(error_text(), Contains("model.no.node"));
}

TEST_CASE_METHOD(Built, "a requester lists and re-initialises what is below it") {
  BuildWindow w(host, registry, "{}");
  const ssp_init zero = init_of(SSP_INIT_CONSTANT), two = init_of(SSP_INIT_CONSTANT, 2);
  ssp_build* student = scope(w.get(), "student");
  for (const char* name : {"layers.0.w", "layers.0.bias", "layers.1.w"})
    REQUIRE(declare(student, name, SSP_PARAM, {1}, zero) == SSP_OK);
  REQUIRE(declare(student, "count", SSP_BUFFER, {}, zero, SSP_I64) == SSP_OK);
  REQUIRE(declare(scope(w.get(), "students"), "w", SSP_PARAM, {1}, zero) == SSP_OK);
  Listed listed;
  const ssp_sink sink{sizeof sink, 0, &listed, note, nullptr, nullptr};
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
  CHECK(host.live_handles() == 0);
}

TEST_CASE_METHOD(Built, "the sink of list may declare: a momentum twin of each tensor") {
  BuildWindow w(host, registry, "{}");
  ssp_build* student = scope(w.get(), "student");
  std::string name;
  for (int i = 0; i < 400; ++i)
    REQUIRE(declare(student, (name += 'w').c_str(), SSP_PARAM, {2}, init_of(SSP_INIT_CONSTANT)) == SSP_OK);
  struct Twins {
    Built& built;
    ssp_build* teacher;
    int made = 0;
  } twins{*this, scope(w.get(), "teacher")};
  const ssp_sink sink{sizeof sink,
                      0,
                      &twins,
                      [](const ssp_sink* self, ssp_str name, ssp_tensor, uint32_t) {
                        auto& t = *static_cast<Twins*>(self->receiver);
                        ++t.made;
                        return t.built.declare(t.teacher, std::string(name.data, name.size).c_str(), SSP_PARAM_FROZEN,
                                               {2}, init_of(SSP_INIT_CONSTANT));
                      },
                      nullptr,
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
  CHECK(host.live_handles() == 0);
}

TEST_CASE_METHOD(Built, "a sink of list that throws leaves no handle behind") {
  BuildWindow w(host, registry, "{}");
  REQUIRE(declare(w.get(), "w", SSP_PARAM, {1}, init_of(SSP_INIT_CONSTANT)) == SSP_OK);
  const ssp_sink sink{sizeof sink, 0,
                      nullptr,     [](const ssp_sink*, ssp_str, ssp_tensor, uint32_t) -> ssp_status { throw 1; },
                      nullptr,     nullptr};
  CHECK(params.list(w.get(), {}, SSP_PARAM, &sink) != SSP_OK);
  CHECK(host.live_handles() == 0);
}

TEST_CASE_METHOD(Built, "a declared tensor has no values in the create that declares it") {
  const auto& ops = extension<ssp_ops>(host, SSP_EXT_OPS);
  ssp_op clone, stack;
  REQUIRE(resolve_in_init(host, "aten::clone", "", "self", &clone) == SSP_OK);
  REQUIRE(resolve_in_init(host, "aten::stack", "", "tensors", &stack) == SSP_OK);
  BuildWindow w(host, registry, "{}");
  ssp_tensor weight;
  float value = 3;
  const ssp_tensor own = give(host, at::full({1}, 3.0));
  REQUIRE(declare(w.get(), "neck.weight", SSP_PARAM, {1}, init_of(SSP_INIT_CONSTANT), SSP_F32, 0, &weight) == SSP_OK);
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
  host.state().phase = Phase::call;
  CHECK(call(clone, SSP_V_TENSOR, &weight) == SSP_OK);
  host.state().phase = Phase::create;
  release(weight);
  release(own);
}

TEST_CASE_METHOD(Built, "a requester marks a part of what is below it") {
  BuildWindow w(host, registry, "{}");
  const ssp_init zero = init_of(SSP_INIT_CONSTANT);
  ssp_build* student = scope(w.get(), "student");
  for (const char* name : {"embed.weight", "embed.bias", "head.weight"})
    REQUIRE(declare(student, name, SSP_PARAM, {1}, zero) == SSP_OK);
  REQUIRE(declare(student, "embed.count", SSP_BUFFER, {1}, zero) == SSP_OK);
  REQUIRE(declare(scope(w.get(), "teacher", "", SSP_SCOPE_FROZEN), "weight", SSP_PARAM, {1}, zero) == SSP_OK);
  const auto entry = [&](const char* name) { return w.store.find(name); };

  REQUIRE(params.mark(scope(student, "embed"), {}, SSP_PARAM_FROZEN, SSP_ROLE_EMBED) == SSP_OK);
  for (const char* name : {"student.embed.weight", "student.embed.bias"}) {
    CHECK(entry(name)->kind == model::Kind::frozen);
    CHECK_FALSE(entry(name)->tensor.requires_grad());
    CHECK(entry(name)->roles == SSP_ROLE_EMBED);
  }
  CHECK(entry("student.embed.count")->kind == model::Kind::buffer);
  CHECK(entry("student.head.weight")->kind == model::Kind::parameter);
  REQUIRE(params.mark(student, text("bias"), SSP_PARAM, SSP_ROLE_BIAS) == SSP_OK);
  CHECK(entry("student.embed.bias")->tensor.requires_grad());
  REQUIRE(params.mark(student, text("head.weight"), 0, SSP_ROLE_NO_DECAY) == SSP_OK);
  REQUIRE(params.mark(student, text("head.weight"), SSP_PARAM_FROZEN, SSP_ROLE_KEEP | SSP_ROLE_TOKEN) == SSP_OK);
  CHECK(w.store.find("student.head.weight")->kind == model::Kind::frozen);
  CHECK(w.store.find("student.head.weight")->roles == (SSP_ROLE_NO_DECAY | SSP_ROLE_TOKEN));
  REQUIRE(params.mark(student, text("head.weight"), SSP_PARAM, SSP_ROLE_NO_DECAY) == SSP_OK);
  CHECK(entry("student.head.weight")->kind == model::Kind::parameter);
  CHECK(entry("student.head.weight")->roles == SSP_ROLE_NO_DECAY);

  const auto refused = [&](ssp_build* at, const char* suffix, uint32_t kind, uint32_t roles, const char* said) {
    CHECK(params.mark(at, text(suffix), kind, roles) == SSP_E_ARGUMENT);
    CHECK_THAT(error_text(), Contains(said));
  };
  refused(w.get(), "weight", SSP_PARAM, 0, "'teacher.weight' is below a scope that is frozen");
  CHECK_FALSE(entry("student.embed.weight")->tensor.requires_grad());  // all or none
  refused(student, "count", SSP_PARAM_FROZEN, 0, "'student.embed.count' is a buffer");
  refused(student, "eight", 0, 0, "no parameter below 'student' ends in 'eight'");
  refused(student, "weight", SSP_BUFFER, 0, "kind 0x4");
  refused(student, "weight", 0, 64, "unknown roles");
}

}  // namespace selfsup::bridge::testing
