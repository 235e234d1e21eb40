// What plugins do wrong in per-step calls: each is refused with the component's name, the function, and what to do.
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "bridge/support/captured_log.h"
#include "bridge/support/world.h"
#include "report/log_line.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

}  // namespace

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
      {"layer_missing", "backbone (ProbeTokens of bridge_probe).encode: layer 'layer0' was asked for and not emitted"},
      {"layer_twice", "backbone (ProbeTokens of bridge_probe).encode: layer 'layer0' was emitted twice"},
      {"layer_unasked", "(ProbeTokens of bridge_probe).encode: layer 'layer1' was emitted, asked for: layer0"},
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
      {"not_utf8", "the name of an emitted tensor 'm\\xff': it is not UTF-8"},
      {"second two words", "'two words': it has a space"},
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
    algorithm->step_is_through();
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
  const int64_t idle = host.live_handles();
  const StepBatch b = batch();
  CHECK(algorithm->training_step({}, b).size() == 2);
  CHECK(algorithm->features({}, b.views[0]).size() == 1);
  CHECK(host.live_handles() == idle);
}

TEST_CASE_METHOD(World, "an imbalance is a warning, once, and is put back") {
  const CapturedLog log;
  auto algorithm = make(plain("unbalanced"));
  for (int i = 0; i < 2; ++i) CHECK(algorithm->training_step({}, batch()).size() == 2);
  const std::string told = log.text(), warning =
                                           "model (Probe of bridge_probe).training_step: 1 grad_push or autocast_push "
                                           "without state_pop; the host puts it back";
  CHECK(told.find(warning) != told.npos);
  CHECK(told.find(warning) == told.rfind(warning));
  CHECK(c10::GradMode::is_enabled());
}

TEST_CASE_METHOD(World, "what is kept beyond its call is refused, in a copy too") {
  const std::string kept = GENERATE("ssp_call", "ssp_build", "ssp_batch", "sink");
  auto algorithm = make(plain("kept " + kept));
  algorithm->training_step({}, batch());
  CHECK_THAT(error_of([&] { algorithm->training_step({}, batch()); }).first,
             Contains("model (Probe of bridge_probe).training_step: this " + kept + " is not alive"));
}

TEST_CASE_METHOD(World, "a sink called by a function that it did not come with is refused") {
  auto algorithm = make(plain("sink_exchanged"));
  algorithm->training_step({}, batch());
  CHECK_THAT(error_of([&] { algorithm->save_state(); }).first, Contains("save_state: this sink is for something else"));
}

TEST_CASE_METHOD(World, "nothing is made in a step") {
  auto algorithm = make(plain("create_late"));
  CHECK_THAT(error_of([&] { algorithm->training_step({}, batch()); }).first, Contains("this ssp_build is not alive"));
}

TEST_CASE_METHOD(World, "no call has the address of the one before") {
  auto algorithm = make();
  for (int i = 0; i < 3; ++i) CHECK_NOTHROW(algorithm->training_step({}, batch()));
}

}  // namespace selfsup::bridge::testing
