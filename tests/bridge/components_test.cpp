// How components come to be: through ssp.registry, with overrides, in circles, and what a failure undoes.
#include <fmt/format.h>

#include <thread>

#include "bridge/support/captured_log.h"
#include "bridge/support/world.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

}  // namespace

TEST_CASE_METHOD(World, "components that ask for each other in a circle are refused, with the chain") {
  BuildWindow window(host, registry, R"({"type": "ProbeLoop"})");
  const auto& table = extension<ssp_registry>(host, SSP_EXT_REGISTRY);
  const void* out;
  ssp_component made;
  CHECK(table.create(window.get(), SSP_KIND_BACKBONE, &out, &made) == SSP_E_CONFIG);
  CHECK_THAT(error_text(),
             Contains("in a circle: model (ProbeLoop of bridge_probe) → model (ProbeLoop of bridge_probe)"));
  CHECK(table.create(window.get(), SSP_KIND_TRANSFORM, &out, &made) == SSP_E_UNSUPPORTED);
}

TEST_CASE_METHOD(World, "overrides are checked by the component's schema") {
  // `ratio` stands for a key that the algorithm claims in its backbone's node: no override brought it.
  BuildWindow window(host, registry, R"({"backbone": {"type": "ProbeTokens", "image_size": 4, "ratio": 0.5}})");
  const auto& params = extension<ssp_params>(host, SSP_EXT_PARAMS);
  const auto& table = extension<ssp_registry>(host, SSP_EXT_REGISTRY);
  ssp_scope scope{sizeof scope, 0, text("a"), text("backbone"), text(R"({"image_sise": 8})")};
  ssp_build* child = nullptr;
  REQUIRE(params.scope(window.get(), &scope, &child) == SSP_OK);
  const void* out;
  ssp_component made;
  CHECK(table.create(child, SSP_KIND_BACKBONE_TOKENS, &out, &made) == SSP_E_CONFIG);
  CHECK_THAT(error_text(), Contains("image_sise") && Contains("image_size"));
  scope.overrides = text(R"({"image_size": 8})");
  REQUIRE(params.scope(window.get(), &scope, &child) == SSP_OK);
  REQUIRE(table.create(child, SSP_KIND_BACKBONE_TOKENS, &out, &made) == SSP_OK);
  CHECK(window.store.find("a.weight")->tensor.size(0) == 64);
  // What ssp.registry gave is known by its address and kind; anything else is an error.
  const auto& tokens = *static_cast<const ssp_backbone_tokens*>(out);
  ssp_token_info info{};
  CHECK(tokens.info(made, 4, 4, &info) == SSP_E_ARGUMENT);
  info.struct_size = sizeof info;
  CHECK(tokens.info(made, 4, 4, &info) == SSP_OK);
  CHECK(tokens.info(&info, 4, 4, &info) == SSP_E_ARGUMENT);
  std::thread([&] { CHECK(tokens.info(made, 4, 4, &info) == SSP_E_PRECONDITION); }).join();
}

TEST_CASE_METHOD(World, "of a component whose create failed no tensor stays, and another try has its names") {
  BuildWindow window(host, registry, R"({"backbone": {"type": "ProbeTokens", "image_size": 4, "fault": "late"}})");
  const auto& params = extension<ssp_params>(host, SSP_EXT_PARAMS);
  const auto& table = extension<ssp_registry>(host, SSP_EXT_REGISTRY);
  const auto create = [&](const char* overrides) {
    const ssp_scope scope{sizeof scope, 0, text("a"), text("backbone"), text(overrides)};
    ssp_build* child = nullptr;
    REQUIRE(params.scope(window.get(), &scope, &child) == SSP_OK);
    const void* out;
    ssp_component made;
    return table.create(child, SSP_KIND_BACKBONE_TOKENS, &out, &made);
  };
  CHECK(create("") == SSP_E_PLUGIN);
  CHECK_THAT(error_text(), Contains("create was told to fail late"));
  CHECK(window.store.entries().empty());
  CHECK(window.store.find("a.weight") == nullptr);
  CHECK(create(R"({"fault": ""})") == SSP_OK);
  CHECK(window.store.entries().size() == 1);
}

TEST_CASE_METHOD(World, "creation that fails undoes itself and says where") {
  SECTION("a child fails") {
    const auto [what, exit] = error_of([&] { make(plain("", "create")); });
    CHECK_THAT(what, Contains("model (Probe of bridge_probe).create: backbone (ProbeTokens of bridge_probe).create: "
                              "create was told to fail"));
    CHECK(exit == Exit::plugin);
  }
  SECTION("no such component") {
    const auto [what, exit] = error_of([&] { make(plain("", "", "ProbeTokenz")); });
    CHECK_THAT(what, Contains("ProbeTokenz") && Contains("ProbeTokens"));
    CHECK(exit == Exit::usage);
  }
  SECTION("no such node") {
    const auto [what, exit] = error_of([&] { make(R"({"type": "Probe"})"); });
    CHECK_THAT(what, Contains("model.backbone"));
    CHECK(exit == Exit::usage);
  }
  SECTION("an event before the first step") {
    auto algorithm = make(plain("event"));
    const auto [what, exit] = error_of([&] { algorithm->on_event({}, Event::ready); });
    CHECK(what == "model (Probe of bridge_probe).on_event: the event was told to fail");
    CHECK(exit == Exit::plugin);
    CHECK_FALSE(algorithm->stepped());
  }
}

TEST_CASE_METHOD(World, "a key that the schema does not have ends the create of who asked") {
  CHECK_THAT(error_of([&] { make(plain("", "unknown_key")); }).first,
             Contains("backbone (ProbeTokens of bridge_probe).create: config.get('image_sise')") &&
                 Contains("did you mean 'image_size'?"));
}

TEST_CASE_METHOD(World, "a table that promises what cannot be is refused before anything runs") {
  const auto [what, exit] = error_of([&] { make(R"({"type": "ProbeCaptured"})"); });
  CHECK_THAT(what, Contains("ProbeCaptured of bridge_probe: its caps hold SSP_CAP_CAPTURABLE and SSP_CAP_GRADIENTS"));
  CHECK(exit == Exit::plugin);
}

TEST_CASE_METHOD(World, "a kind that this host does not know goes from plugin to plugin as it is") {
  const CapturedLog log;
  {
    auto algorithm = make(R"({"type": "ProbeAsks", "target": {"type": "ProbeTarget", "value": 7}})");
    CHECK(algorithm->training_step({}, batch())[0].value.item<float>() == 7.0f);
  }
  // The requester first, then what it asked for.
  const std::string told = log.text();
  CHECK(told.find("it still answers") < told.find("target destroyed"));
  CHECK(told.find("target destroyed") != std::string::npos);
  CHECK_THAT(error_of([&] { make(R"({"type": "ProbeAsks", "target": {"type": "ProbeTargets"}})"); }).first,
             Contains("probe.target/0 \"ProbeTargets\""));
}

}  // namespace selfsup::bridge::testing
