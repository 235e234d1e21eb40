// The table ssp.config, called as in a create.
#include "bridge/support/built.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

}  // namespace

TEST_CASE_METHOD(Built, "config gives each value in its kind") {
  BuildWindow w(
      host, registry,
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

TEST_CASE_METHOD(Built, "a key that the component's schema does not have is an error, an absent one is none") {
  registry.load(SELFSUP_BRIDGE_PROBE);
  BuildWindow w(host, registry,
                R"({"depth": 3, "heads": [{"dim": 4}, {"dim": 8}], "free": {"x": {"y": 1}},
                    "backbone": {"type": "ProbeTokens", "image_size": 4, "ratio": 0.5}})",
                {}, R"({"type": "object", "properties": {
                    "depth": {"type": "integer"}, "neck": {"type": "object", "properties": {"depth": {"type": "integer"}}},
                    "heads": {"type": "array", "items": {"type": "object", "properties": {"dim": {"type": "integer"}}}},
                    "free": {"type": "object"},
                    "backbone": {"type": "object", "x-ssp-component": "ssp.backbone.tokens/0",
                                 "x-ssp-claims": {"ratio": {"type": "number"}}}}})");
  ssp_build* b = w.get();
  CHECK(get(b, "depth").u.i == 3);
  CHECK(get(b, "type").kind == SSP_V_NONE);
  CHECK(get(b, "neck").kind == SSP_V_NONE);
  CHECK(get(b, "neck.depth").kind == SSP_V_NONE);
  CHECK(get(b, "heads.1.dim").u.i == 8);
  CHECK(get(b, "free.x.y").u.i == 1);
  CHECK(get(b, "free.z").kind == SSP_V_NONE);
  CHECK(get(b, "backbone.image_size").u.i == 4);
  CHECK(get(b, "backbone.ratio").u.d == 0.5);
  CHECK(get(scope(b, "b", "backbone"), "fault").kind == SSP_V_NONE);
  ssp_value v;
  const auto refused = [&](ssp_build* at, const char* key, const char* said) {
    CHECK(config.get(at, text(key), &v) == SSP_E_ARGUMENT);
    CHECK_THAT(error_text(), Contains(std::string("config.get('") + key + "')") && Contains(said));
  };
  refused(b, "dept", "no property 'dept'; did you mean 'depth'?");
  refused(b, "neck.dept", "no property 'dept'");
  refused(b, "depth.x", "no property 'x'");
  refused(b, "heads.0.dimm", "no property 'dimm'");
  refused(b, "heads.first", "no property 'first'");
  refused(b, "backbone.image_sise", "did you mean 'image_size'?");
  refused(scope(b, "b", "backbone"), "image_sise", "did you mean 'image_size'?");
  uint64_t n = 9;
  REQUIRE(config.length(b, text("heads"), &n) == SSP_OK);
  CHECK(n == 2);
  REQUIRE(config.length(b, text("neck"), &n) == SSP_OK);
  CHECK(n == 0);
  CHECK(config.length(b, text("depth"), &n) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("config.length('depth')") && Contains("no array"));
  CHECK(config.length(b, text("head"), &n) == SSP_E_ARGUMENT);
}

TEST_CASE_METHOD(Built, "facts are known or none") {
  Facts facts;
  facts.global_batch = 256;
  facts.drop_last = true;
  facts.mean = {0.1, 0.2};
  facts.rank = 1;
  facts.view_sizes = {224, 224, 96, 96};
  BuildWindow w(host, registry, "{}", facts);
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
  CHECK(fact("rank").u.i == 1);
  const ssp_value sizes = fact("view_sizes"), version = fact("host_version");
  CHECK(std::vector<int64_t>(sizes.u.ints, sizes.u.ints + sizes.count) == std::vector<int64_t>{224, 224, 96, 96});
  CHECK_THAT(std::string(version.u.s, version.count), Catch::Matches("[0-9]+\\.[0-9]+\\.[0-9]+.*"));
  ssp_value v;
  CHECK(config.fact(w.get(), text("global_bach"), &v) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("no fact 'global_bach'; did you mean 'global_batch'?"));
}

TEST_CASE_METHOD(Built, "a build object is for its create alone") {
  ssp_build* old;
  {
    BuildWindow w(host, registry, "{}");
    old = w.get();
    host.state().phase = Phase::call;
    ssp_value v;
    CHECK(config.get(old, text("x"), &v) == SSP_E_PRECONDITION);
    host.state().phase = Phase::create;
  }
  host.state().phase = Phase::create;
  ssp_value v;
  CHECK(config.get(old, text("x"), &v) == SSP_E_PRECONDITION);
  CHECK_THAT(error_text(), Contains("not alive"));
  CHECK(config.get(nullptr, text("x"), &v) == SSP_E_ARGUMENT);
  host.state().phase = Phase::idle;
}

}  // namespace selfsup::bridge::testing
