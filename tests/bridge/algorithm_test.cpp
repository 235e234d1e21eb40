// The class Algorithm against a plugin in plain C: creation, steps, features, events, state, names.
#include <c10/core/GradMode.h>

#include "bridge/support/captured_log.h"
#include "bridge/support/world.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

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

    const int64_t idle = host.live_handles();
    for (int i = 0; i < 3; ++i) {
      const StepBatch b = batch();
      const auto out = algorithm->training_step({}, b);
      CHECK(algorithm->stepped() == (i > 0));
      algorithm->step_is_through();  // backward and update included
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
      CHECK(host.live_handles() == idle);
    }
  }
  CHECK(host.live_handles() == 0);
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
  CHECK(algorithm->on_event({}, Event::ready).empty());
  const auto metrics = algorithm->on_event({}, Event::updated);
  REQUIRE(metrics.size() == 1);
  CHECK(metrics[0].name == "head");
  CHECK(metrics[0].value.item<float>() == 2.0f);
  CHECK(at::equal(store.find("head.weight")->tensor.detach(), before * 2));
  CHECK(c10::GradMode::is_enabled());
}

TEST_CASE_METHOD(World, "an event has metrics, no losses") {
  auto algorithm = make(plain("event_loss"));
  CHECK_THAT(error_of([&] { algorithm->on_event({}, Event::updated); }).first,
             Contains("model (Probe of bridge_probe).on_event: 'head' must be flagged METRIC"));
  algorithm.reset();
  store = model::ParameterStore();
  algorithm = make(plain("event_total"));
  CHECK_THAT(error_of([&] { algorithm->on_event({}, Event::updated); }).first,
             Contains("'loss' is a name of the host's own numbers"));
}

TEST_CASE_METHOD(World, "between backward and optimizer an algorithm reads and changes gradients") {
  auto algorithm = make();
  CHECK(algorithm->wants(Event::gradients));
  CHECK(algorithm->wants(Event::epoch_begin));
  algorithm->training_step({}, batch())[0].value.backward();
  const at::Tensor before = store.find("head.weight")->tensor.grad().clone();
  algorithm->on_event({}, Event::gradients);
  CHECK(at::equal(store.find("head.weight")->tensor.grad(), before * 0.5));
  algorithm.reset();
  store = model::ParameterStore();
  algorithm = make(plain("gradient_early"));
  CHECK_THAT(error_of([&] { algorithm->training_step({}, batch()); }).first,
             Contains("gradient: only in SSP_EVENT_GRADIENTS"));
}

TEST_CASE_METHOD(World, "names for export are those of the algorithm and its children") {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  auto algorithm = make();
  CHECK(algorithm->export_names("timm") == Pairs{{"head.weight", "fc.weight"},
                                                 {"teacher.weight", "ema.weight"},
                                                 {"backbone.weight", "patch_embed.weight"}});
  CHECK(algorithm->export_names("other").empty());
}

TEST_CASE_METHOD(World, "names of tensors that are not there, or two of one, are refused") {
  const auto [fault, said] = GENERATE(table<std::string, std::string>({
      {"names", "there is no tensor 'backbone.nothing' to be called 'x'"},
      {"names_twice", "'weight' has two names, 'patch_embed.weight' and 'x'"},
  }));
  auto algorithm = make(plain("", fault));
  const auto [what, exit] = error_of([&] { algorithm->export_names("timm"); });
  CHECK_THAT(what, Contains("backbone (ProbeTokens of bridge_probe).names: " + said));
  CHECK(exit == Exit::plugin);
}

TEST_CASE_METHOD(World, "what only looks leaves declared tensors as they are, and is no training") {
  auto algorithm = make(plain("look_and_change"));
  const at::Tensor head = store.find("head.weight")->tensor, before = head.clone();
  CHECK_THAT(
      error_of([&] { algorithm->features({}, batch().views[0]); }).first,
      Contains("model (Probe of bridge_probe).features: aten::add_.Tensor: it changes the parameter 'head.weight' in "
               "place in a call that only looks"));
  CHECK(at::equal(head, before));
  CHECK_FALSE(algorithm->on_event({}, Event::updated).empty());  // where it may be changed
  algorithm.reset();
  store = model::ParameterStore();
  algorithm = make(plain("look_and_train"));
  CHECK_THAT(error_of([&] { algorithm->features({}, batch().views[0]); }).first, Contains("fork: no training mode"));
}

TEST_CASE_METHOD(World, "features are f32 [B, C]") {
  auto algorithm = make(plain("unpooled"));
  CHECK_THAT(error_of([&] { algorithm->features({}, batch().views[0]); }).first,
             Contains("model (Probe of bridge_probe).features: 'mean' must be f32 [3, C], it is f32 [3, 1, 8]"));
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
  CHECK(host.live_handles() == 0);
}

TEST_CASE_METHOD(World, "events and the step at the same place in the run draw numbers of their own") {
  auto algorithm = make(plain("noise"));
  const std::string place = "model (Probe of bridge_probe).on_event: ";
  const auto drawn = [&](Event event) { return error_of([&] { algorithm->on_event({}, event); }).first; };
  const std::string ready = drawn(Event::ready), begin = drawn(Event::epoch_begin);
  CHECK(ready.rfind(place + "0.") == 0);
  CHECK(drawn(Event::ready) == ready);
  CHECK(begin != ready);
  Window step(host);
  ssp_tensor number;
  REQUIRE(extension<ssp_rng>(host, SSP_EXT_RNG).per_sample(step.call(), text("noise"), 1, 1, &number) == SSP_OK);
  const std::string of_step = place + fmt::format("{:.9g}", peek(number).item<float>());
  release(number);
  CHECK(ready != of_step);
  CHECK(begin != of_step);
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
