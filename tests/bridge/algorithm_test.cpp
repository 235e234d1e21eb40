// The class Algorithm against a plugin in plain C: creation, steps, features, events, state, and what plugins do wrong.
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <thread>

#include "base/errors.h"
#include "bridge/support/captured_log.h"
#include "bridge/support/window.h"
#include "bridge/testing.h"
#include "report/log_line.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

Json config_of(const std::string& text) { return parse_json(text, "test.json", "file"); }

std::string plain(const std::string& fault = "", const std::string& backbone_fault = "",
                  const std::string& type = "ProbeTokens") {
  return fmt::format(
      R"({{"type": "Probe", "fault": "{}", "backbone": {{"type": "{}", "image_size": 4, "fault": "{}"}}}})", fault,
      type, backbone_fault);
}

struct World {
  Host host;
  plugin::Registry registry{host.table()};
  model::ParameterStore store;
  Facts facts;
  World() {
    set_strict(true);
    registry.load(SELFSUP_BRIDGE_PROBE);
  }
  ~World() { set_strict(false); }

  std::unique_ptr<Algorithm> make(const std::string& text = plain()) {
    const Json config = config_of(text);
    auto algorithm = std::make_unique<Algorithm>(registry, config, facts, store);
    store.initialise(1);
    return algorithm;
  }
  static StepBatch batch(int64_t n = 3) {
    StepBatch b;
    b.views = {at::linspace(-1, 1, n * 16).reshape({n, 1, 4, 4})};
    b.sample_index = at::arange(n);
    b.fields = {{"label", -1, at::zeros({n}, at::kLong)}};
    return b;
  }
};

// The error of what f does: its text and exit code.
template <class F>
std::pair<std::string, Exit> error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return {e.what(), e.exit()};
  }
  return {"no error", Exit::ok};
}

}  // namespace

TEST_CASE_METHOD(World, "an algorithm and what it asks for are created, step, and leave nothing behind") {
  {
    auto algorithm = make();
    std::vector<std::string> names;
    for (const model::Entry& e : store.entries()) names.push_back(e.name);
    CHECK(names == std::vector<std::string>{"backbone.weight", "teacher.weight", "head.weight"});
    CHECK(store.find("teacher.weight")->kind == model::Kind::frozen);
    CHECK_FALSE(store.find("teacher.weight")->tensor.requires_grad());
    CHECK(store.find("backbone.weight")->tensor.requires_grad());
    CHECK(at::equal(store.find("head.weight")->tensor.detach(), at::ones({8, 1})));  // re-initialised

    const int64_t idle = Host::live_handles();
    for (int i = 0; i < 3; ++i) {
      const StepBatch b = batch();
      const auto out = algorithm->training_step({}, b);
      CHECK(algorithm->stepped());
      REQUIRE(out.size() == 2);
      CHECK(out[0].name == "loss");
      CHECK(out[0].is_loss());
      CHECK(out[1].name == "metric");
      CHECK_FALSE(out[1].is_loss());
      out[0].value.backward();
      const at::Tensor w = store.find("backbone.weight")->tensor.detach();
      const at::Tensor expected = at::mm(at::mm(b.views[0].reshape({3, 16}), w), at::ones({8, 1})).pow(2).mean();
      CHECK(at::allclose(out[0].value.detach(), expected));
      CHECK(store.find("backbone.weight")->tensor.grad().defined());
      CHECK_FALSE(store.find("teacher.weight")->tensor.grad().defined());
      CHECK(Host::live_handles() == idle);
    }
  }
  CHECK(Host::live_handles() == 0);
}

TEST_CASE_METHOD(World, "features and pictures come in eval mode without gradients") {
  auto algorithm = make();
  REQUIRE(algorithm->can_extract_features());
  REQUIRE(algorithm->can_reconstruct());
  Step train;
  const std::string layers[] = {"mean"};
  const auto features = algorithm->features(train, batch().views[0], layers);
  REQUIRE(features.size() == 1);
  CHECK(features[0].value.sizes() == at::IntArrayRef({3, 8}));
  CHECK_FALSE(features[0].value.requires_grad());
  const auto pictures = algorithm->reconstruct(train, batch());
  CHECK(pictures[0].name == "original");
  const std::string unknown[] = {"nothing"};
  CHECK_THAT(error_of([&] { algorithm->features(train, batch().views[0], unknown); }).first,
             Contains("model (Probe of bridge_probe).features: unknown layer"));
}

TEST_CASE_METHOD(World, "features are exactly those that were asked for") {
  auto algorithm = make(plain("more_features"));
  CHECK_THAT(error_of([&] { algorithm->features({}, batch().views[0]); }).first,
             Contains("asked for the one feature by which it is judged, the plugin gave mean, more"));
  const std::string mean[] = {"mean"}, both[] = {"more", "mean"};
  CHECK_THAT(error_of([&] { algorithm->features({}, batch().views[0], mean); }).first,
             Contains("asked for mean, the plugin gave mean, more"));
  CHECK(algorithm->features({}, batch().views[0], both).size() == 2);
}

TEST_CASE_METHOD(World, "events come without gradients, and change parameters in place") {
  auto algorithm = make();
  const at::Tensor before = store.find("head.weight")->tensor.detach().clone();
  algorithm->on_event({}, Event::ready);
  algorithm->on_event({}, Event::updated);
  CHECK(at::equal(store.find("head.weight")->tensor.detach(), before * 2));
  CHECK(c10::GradMode::is_enabled());
}

TEST_CASE_METHOD(World, "state is saved and loaded") {
  std::vector<Algorithm::State> states;
  {
    auto algorithm = make();
    algorithm->training_step({}, batch());
    algorithm->on_event({}, Event::epoch_end);
    states = algorithm->save_state();
    REQUIRE(states.size() == 1);
    CHECK(states[0].component.empty());
    CHECK_FALSE(states[0].per_rank);
    CHECK(states[0].bytes.size() == 16);
  }
  store = model::ParameterStore();
  auto algorithm = make();
  algorithm->load_state(states);
  CHECK((algorithm->save_state()[0].bytes == states[0].bytes));
  states[0].bytes.pop_back();
  CHECK_THAT(error_of([&] { algorithm->load_state(states); }).first, Contains("load_state: a state of another size"));
  states[0].component = "nobody";
  CHECK(error_of([&] { algorithm->load_state(states); }).second == Exit::checkpoint);
}

TEST_CASE_METHOD(World, "schema and defaults are asked before anything is made") {
  const Json& schema = component_schema(registry.find(SSP_KIND_ALGORITHM, "Probe"));
  CHECK(schema.get("type").as_string() == "object");
  CHECK(&component_schema(registry.find(SSP_KIND_ALGORITHM, "Probe")) == &schema);  // asked once
  Facts f;
  f.max_epochs = 4;
  f.dataset_length = 1000;  // never told
  CHECK(algorithm_defaults(registry.find(SSP_KIND_ALGORITHM, "Probe"), f).at_path("optim_wrapper.lr")->as_double() ==
        2.0);
  CHECK(Host::live_handles() == 0);
}

TEST_CASE_METHOD(World, "what a component does wrong carries its name") {
  const auto [fault, text] = GENERATE(table<std::string, std::string>({
      {"silent",
       "model (Probe of bridge_probe).training_step: backbone (ProbeTokens of bridge_probe).embed: it reported the "
       "plugin "
       "failed (status 5) and gave no text"},
      {"foreign", "backbone (ProbeTokens of bridge_probe).embed: result 'patches': "},
      {"shape",
       "backbone (ProbeTokens of bridge_probe).embed: result 'patches' must be [3, any, any], the plugin gave [16, 8]"},
      {"operator", "backbone (ProbeTokens of bridge_probe).encode: aten::mm(self=f32[16, 8], mat2=f32[16, 8]): "},
      {"info", "backbone (ProbeTokens of bridge_probe).info: 4x4 pixels: dim 0"},
  }));
  auto algorithm = make(plain("", fault));
  const auto [what, exit] = error_of([&] { algorithm->training_step({}, batch()); });
  CHECK_THAT(what, Contains(text));
  CHECK(exit == Exit::plugin);
  CHECK(c10::GradMode::is_enabled());
}

TEST_CASE_METHOD(World, "what an algorithm emits is checked") {
  const auto [fault, text] = GENERATE(table<std::string, std::string>({
      {"no_loss", "no loss was emitted"},
      {"vector", "loss 'loss' must be a floating-point scalar, it is f32 [3, 1]"},
      {"flags", "unknown flags"},
      {"second other", "kept for the total"},
      {"second lr", "'lr' is a name of the host's own numbers"},
      {"second probe/knn", "'probe/knn' is a name of the host's own numbers"},
      {"second loss", "'loss' was emitted twice"},
      {"stale", "was already released"},
      {"unbalanced", "grad_push or autocast_push without state_pop"},
      {"pop", "state_pop without a push"},
  }));
  auto algorithm = make(plain(fault));
  const auto [what, exit] = error_of([&] { algorithm->training_step({}, batch()); });
  const std::string place = "model (Probe of bridge_probe).training_step: ";
  CHECK(what.rfind(place) == 0);  // at the beginning, and nowhere else
  CHECK_THAT(what, Contains(text));
  CHECK(c10::GradMode::is_enabled());
}

TEST_CASE_METHOD(World, "no term takes a name that the host's log has for its own numbers") {
  report::TrainPoint point;
  point.rates = {{"lr", 1}};
  point.scalars = {{"grad_norm", 1}};
  const Json metrics = report::metrics_object(point);
  std::vector<std::string> names{"eta"};  // in the line only
  for (const auto& [name, value] : metrics.as_object()) names.push_back(name);
  for (const std::string& name : names) {
    store = model::ParameterStore();
    auto algorithm = make(plain("second " + name));
    CHECK_THAT(error_of([&] { algorithm->training_step({}, batch()); }).first, Contains("'" + name + "' is a name of"));
  }
}

TEST_CASE_METHOD(World, "events and the step at the same place in the run draw numbers of their own") {
  auto algorithm = make(plain("noise"));
  const std::string place = "model (Probe of bridge_probe).on_event: ";
  const auto drawn = [&](Event event) { return error_of([&] { algorithm->on_event({}, event); }).first; };
  const std::string ready = drawn(Event::ready), begin = drawn(Event::epoch_begin);
  CHECK(ready.rfind(place + "0.") == 0);
  CHECK(drawn(Event::ready) == ready);
  CHECK(begin != ready);
  Window step;
  ssp_tensor number;
  REQUIRE(extension<ssp_rng>(host, SSP_EXT_RNG).per_sample(step.call(), text("noise"), 1, 1, &number) == SSP_OK);
  const std::string of_step = place + fmt::format("{:.9g}", handles::peek(number).item<float>());
  handles::release(number);
  CHECK(ready != of_step);
  CHECK(begin != of_step);
}

TEST_CASE_METHOD(World, "a step that fails is none that has been through") {
  SECTION("the configuration is at fault") {
    auto algorithm = make(plain("config"));
    const auto [what, exit] = error_of([&] { algorithm->training_step({}, batch()); });
    CHECK(what == "model (Probe of bridge_probe).training_step: these sizes do not fit");
    CHECK(exit == Exit::usage);
    CHECK_FALSE(algorithm->stepped());
  }
  SECTION("later the configuration can no longer be at fault") {
    auto algorithm = make(plain("config_late"));
    algorithm->training_step({}, batch());
    const auto [what, exit] = error_of([&] { algorithm->training_step({}, batch()); });
    CHECK(what == "model (Probe of bridge_probe).training_step: these sizes do not fit");
    CHECK(exit == Exit::plugin);
  }
  SECTION("what it emitted is at fault") {
    auto algorithm = make(plain("no_loss"));
    CHECK(error_of([&] { algorithm->training_step({}, batch()); }).second == Exit::plugin);
    CHECK_FALSE(algorithm->stepped());
  }
}

TEST_CASE_METHOD(World, "what a plugin only borrowed and released all the same harms nobody") {
  auto algorithm = make(plain("release"));
  const int64_t idle = Host::live_handles();
  const StepBatch b = batch();
  CHECK(algorithm->training_step({}, b).size() == 2);
  CHECK(algorithm->features({}, b.views[0]).size() == 1);
  CHECK(Host::live_handles() == idle);
}

TEST_CASE_METHOD(World, "an imbalance is a warning outside of tests, and is put back") {
  set_strict(false);
  const CapturedLog log;
  auto algorithm = make(plain("unbalanced"));
  CHECK(algorithm->training_step({}, batch()).size() == 2);
  CHECK_THAT(log.text(), Contains("model (Probe of bridge_probe).training_step: 1 grad_push or autocast_push without "
                                  "state_pop; the host puts it back"));
  CHECK(c10::GradMode::is_enabled());
}

TEST_CASE_METHOD(World, "a leaked handle shows in the count") {
  auto algorithm = make(plain("leak"));
  algorithm->training_step({}, batch());
  const int64_t before = Host::live_handles();
  const auto held = algorithm->held_handles();
  algorithm->training_step({}, batch());
  CHECK(Host::live_handles() == before + 1);
  const auto now = algorithm->held_handles();
  REQUIRE(now.size() == 4);
  for (size_t i = 0; i < now.size(); ++i) {
    INFO(now[i].first);
    CHECK(now[i].second == held[i].second + (now[i].first == "model (Probe of bridge_probe)"));
  }
}

TEST_CASE_METHOD(World, "a component that leaks with every step is named in the log, once") {
  const std::string fault = GENERATE("leak", "");
  const CapturedLog log;
  auto algorithm = make(plain(fault));
  for (int i = 0; i < 60; ++i) algorithm->training_step({}, batch());
  const std::string told = log.text(), warning = "model (Probe of bridge_probe): it holds";
  CHECK((told.find(warning) != told.npos) == (fault == "leak"));
  CHECK(told.find(warning) == told.rfind(warning));
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

TEST_CASE_METHOD(World, "components that ask for each other in a circle are refused, with the chain") {
  BuildWindow window(registry, R"({"type": "ProbeLoop"})");
  const auto& table = extension<ssp_registry>(host, SSP_EXT_REGISTRY);
  const void* out;
  ssp_component made;
  CHECK(table.create(window.get(), SSP_KIND_BACKBONE, &out, &made) == SSP_E_CONFIG);
  CHECK_THAT(error_text(),
             Contains("in a circle: model (ProbeLoop of bridge_probe) → model (ProbeLoop of bridge_probe)"));
  CHECK(table.create(window.get(), SSP_KIND_TRANSFORM, &out, &made) == SSP_E_UNSUPPORTED);
}

TEST_CASE_METHOD(World, "a backbone cannot have layers without end") {
  BuildWindow window(registry, R"({"type": "ProbeBackbone"})");
  const auto& table = extension<ssp_registry>(host, SSP_EXT_REGISTRY);
  const void* out;
  ssp_component made;
  REQUIRE(table.create(window.get(), SSP_KIND_BACKBONE, &out, &made) == SSP_OK);
  const auto& backbone = *static_cast<const ssp_backbone*>(out);
  ssp_layer_info info{};
  info.struct_size = sizeof info;
  CHECK(backbone.layer(made, 4, 4, SSP_MAX_LAYERS - 1, &info) == SSP_OK);
  CHECK(info.shape == SSP_SHAPE_NONE);
  CHECK(backbone.layer(made, 4, 4, SSP_MAX_LAYERS, &info) == SSP_E_PLUGIN);
  CHECK_THAT(error_text(), Contains("(ProbeBackbone of bridge_probe).layer") && Contains("at most 4096"));
}

TEST_CASE_METHOD(World, "overrides are checked by the component's schema") {
  // `ratio` stands for a key that the algorithm claims in its backbone's node: no override brought it.
  BuildWindow window(registry, R"({"backbone": {"type": "ProbeTokens", "image_size": 4, "ratio": 0.5}})");
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
  BuildWindow window(registry, R"({"backbone": {"type": "ProbeTokens", "image_size": 4, "fault": "late"}})");
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
  CHECK(active().trained.empty());
  CHECK(active().declared.empty());  // its address may be another tensor's by now
  CHECK(create(R"({"fault": ""})") == SSP_OK);
  CHECK(window.store.entries().size() == 1);
  CHECK(active().trained.size() == 1);
}

TEST_CASE_METHOD(World, "batches that do not fit together are refused") {
  auto algorithm = make();
  StepBatch b = batch();
  b.sample_index = at::arange(2);
  CHECK_THAT(error_of([&] { algorithm->training_step({}, b); }).first, Contains("sample_index"));
  b = batch();
  b.views.push_back(at::zeros({2, 1, 4, 4}));
  CHECK_THAT(error_of([&] { algorithm->training_step({}, b); }).first, Contains("views must be [3, C, H, W]"));
}

}  // namespace selfsup::bridge::testing
