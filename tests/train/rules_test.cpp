#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "base/errors.h"
#include "resolved.h"
#include "train/optimizers/param_groups.h"
#include "train/schedules/schedules.h"

namespace selfsup::train {
namespace {

model::Entry entry(const std::string& name, uint32_t roles = 0, int64_t dims = 2) {
  model::Entry e;
  e.name = name;
  e.roles = roles;
  e.tensor = at::zeros(std::vector<int64_t>(static_cast<size_t>(dims), 2));
  return e;
}

ParamRules rules(const char* text) { return ParamRules(parse_json(text, "test", "test")); }
Json resolved(const char* text) { return test::resolved_list(scheduler_types(), parse_json(text, "test", "test")); }
constexpr uint32_t bias = 1, norm = 2, no_decay = 16, lars_exclude = 32;

}  // namespace

TEST_CASE("the longest custom key decides alone, ties go alphabetically") {
  const ParamRules r = rules(R"({"custom_keys": {"ln": {"decay_mult": 0}, "backbone": {"lr_mult": 0.5},
                                 "aa": {"decay_mult": 2}, "ab": {"decay_mult": 3}, "head.": {"frozen_like": 7}},
                                 "bias_decay_mult": 0})");
  CHECK(r.settings(entry("backbone.ln1.weight"), 2, 1).lr == 1);  // "backbone" is longer than "ln"
  CHECK(r.settings(entry("backbone.ln1.weight"), 2, 1).weight_decay == 1);
  CHECK(r.settings(entry("neck.ln1.weight"), 2, 1).weight_decay == 0);
  CHECK(r.settings(entry("neck.aab.weight"), 2, 1).weight_decay == 2);
  CHECK(r.settings(entry("backbone.bias", bias), 2, 1).weight_decay == 1);  // other rules are silent
  CHECK(r.settings(entry("neck.fc.bias", bias), 2, 1).weight_decay == 0);
  CHECK(r.settings(entry("head.fc.weight"), 2, 1).extras.get("frozen_like").as_int() == 7);
}

TEST_CASE("a key that yields says what no other key says, however long it is") {
  const ParamRules r = rules(R"({"custom_keys": {
      "cls_token": {"decay_mult": 0, "yields": true}, "bias": {"decay_mult": 0, "lars_exclude": true, "yields": true},
      "pos_embed": {"lr_mult": 3, "yields": true}, "net": {"lr_mult": 0}, "head": {"decay_mult": 2, "momentum": 0.5}}})");
  const auto of = [&](const char* name, uint32_t roles = 0) { return r.settings(entry(name, roles), 1, 1); };
  CHECK(of("net.cls_token").lr == 0);
  CHECK(of("net.cls_token").weight_decay == 0);
  CHECK(of("net.pos_embed").lr == 0);
  CHECK(of("neck.pos_embed").lr == 3);
  CHECK(of("neck.pos_embed", no_decay).weight_decay == 1);  // a key that fits decides alone about roles
  CHECK(of("net.bias", lars_exclude).extras.get_bool("lars_exclude", false));
  CHECK(of("head.bias").weight_decay == 2);
  CHECK(of("head.bias").extras.get("momentum").as_double() == 0.5);
  CHECK(of("head.bias").extras.get("lars_exclude").as_bool());
  CHECK(!of("head.bias").extras.has("yields"));
  // Factors by type are the user's too.
  const ParamRules typed = rules(R"({"custom_keys": {"ln": {"decay_mult": 0, "lr_mult": 0.5, "yields": true}},
                                     "norm_decay_mult": 3, "bias_lr_mult": 2})");
  CHECK(typed.settings(entry("ln1.weight", norm), 1, 1).weight_decay == 3);
  CHECK(typed.settings(entry("ln1.weight", norm), 1, 1).lr == 0.5);
  CHECK(typed.settings(entry("ln1.fc.bias", bias), 1, 1).lr == 2);
}

TEST_CASE("parameters whose rate is to be 0 are held still: no gradient, no group, nothing to save") {
  model::ParameterStore store;
  for (const char* name : {"net.weight", "net.bias", "head.weight", "head.bias"}) {
    model::Entry e;
    e.name = name;
    store.declare(std::move(e), {2}, at::kFloat).tensor.fill_(1).set_requires_grad(true);
  }
  CHECK(hold_still(store, rules(R"({"custom_keys": {"net": {"decay_mult": 0}}})")).empty());
  CHECK(store.trained().size() == 4);
  const ParamRules r = rules(R"({"custom_keys": {"net": {"lr_mult": 0}}, "bias_lr_mult": 0})");
  CHECK(hold_still(store, r) ==
        "frozen by lr_mult 0 (optim_wrapper.paramwise_cfg): 3 tensors with 6 numbers: head (1), net (2)");
  REQUIRE(store.trained().size() == 1);
  CHECK(store.trained()[0]->name == "head.weight");
  const model::Entry& held = *store.find("net.weight");
  CHECK(held.held);
  CHECK(held.kind == model::Kind::frozen);
  CHECK(!held.tensor.requires_grad());
  CHECK(group_parameters(store.trained(), r, 1, 0.1).size() == 1);
  CHECK_THROWS_WITH(hold_still(store, rules(R"({"custom_keys": {"head": {"lr_mult": 0}}})")),
                    Catch::Contains("optim_wrapper.paramwise_cfg") && Catch::Contains("nothing is left to train"));
}

TEST_CASE("role rules apply in MMEngine's order, and NO_DECAY where none speaks") {
  const ParamRules r =
      rules(R"({"norm_decay_mult": 2, "bias_decay_mult": 3, "flat_decay_mult": 4, "bias_lr_mult": 5})");
  CHECK(r.settings(entry("n.bias", bias | norm, 1), 1, 1).weight_decay == 2);
  CHECK(r.settings(entry("n.bias", bias | norm, 1), 1, 1).lr == 1);
  CHECK(r.settings(entry("l.bias", bias, 1), 1, 1).weight_decay == 3);
  CHECK(r.settings(entry("l.bias", bias, 1), 1, 1).lr == 5);
  CHECK(r.settings(entry("scale", no_decay, 1), 1, 1).weight_decay == 4);
  CHECK(r.settings(entry("token", no_decay, 3), 1, 1).weight_decay == 0);
  CHECK(r.settings(entry("l.weight"), 1, 1).weight_decay == 1);
  const ParamRules none{Json()};
  CHECK(none.settings(entry("l.bias", bias | no_decay, 1), 1, 1).weight_decay == 0);
  CHECK(none.settings(entry("l.bias", bias, 1), 1, 1).weight_decay == 1);
}

TEST_CASE("LARS leaves alone what its plugin says, unless a custom key speaks") {
  const ParamRules r = rules(R"({"custom_keys": {"neck": {"decay_mult": 0}, "head": {"lars_exclude": true}}})");
  const auto excluded = [&](const char* name, uint32_t roles) {
    return r.settings(entry(name, roles), 1, 1).extras.get_bool("lars_exclude", false);
  };
  CHECK(excluded("backbone.bn1.weight", norm | lars_exclude));
  CHECK(!excluded("backbone.bn1.weight", norm));
  CHECK(!excluded("neck.bn0.weight", norm | lars_exclude));
  CHECK(excluded("head.fc.weight", 0));
}

TEST_CASE("parameters with equal settings share a group") {
  std::vector<model::Entry> entries = {entry("a.weight"), entry("a.bias"), entry("b.weight"), entry("b.bias")};
  std::vector<model::Entry*> trained;
  for (auto& e : entries) trained.push_back(&e);
  const auto groups = group_parameters(trained, rules(R"({"custom_keys": {"bias": {"decay_mult": 0}}})"), 1, 0.1);
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].entries == std::vector<const model::Entry*>{&entries[0], &entries[2]});
  CHECK(groups[1].entries == std::vector<const model::Entry*>{&entries[1], &entries[3]});
}

TEST_CASE("a schedule that cannot be is refused by its key") {
  const auto make = [](const char* text) { Schedules(resolved(text), {10, 100, 10}); };
  CHECK_THROWS_WITH(make(R"([{"type": "OneCycleLR"}])"), Catch::Contains("OneCycleLR"));
  CHECK_THROWS_WITH(make(R"([{"type": "LinearLR", "start_factor": 0}])"), Catch::Contains("start_factor"));
  CHECK_THROWS_WITH(make(R"([{"type": "LinearLR", "begin": 5, "end": 5}])"),
                    Catch::Contains("param_scheduler.0.begin"));
  CHECK_THROWS_WITH(make(R"([{"type": "StepLR", "step_size": 0}])"), Catch::Contains("step_size"));
  CHECK_THROWS_WITH(make(R"([{"type": "CosineAnnealingLR", "eta_min": 0, "eta_min_ratio": 0.1}])"),
                    Catch::Contains("exclude"));
  CHECK_THROWS_WITH(make(R"([{"type": "LinearParamScheduler", "param_name": "eps"}])"), Catch::Contains("param_name"));
  CHECK_THROWS_WITH(make(R"([{"type": "LinearParamScheduler"}])"), Catch::Contains("param_name"));
  CHECK_THROWS_WITH(make(R"([{"type": "LinearLR", "by_epoch": false, "convert_to_iter_based": true}])"),
                    Catch::Contains("convert_to_iter_based"));
  CHECK_NOTHROW(make(R"({"type": "LinearLR"})"));
  CHECK_NOTHROW(make("null"));
}

TEST_CASE("schedules go back in time, and keep base values apart") {
  const Json config = resolved(R"([{"type": "LinearLR", "start_factor": 0.5, "by_epoch": false, "end": 11}])");
  Schedules s(config, {10, 100, 10});
  CHECK(s.value(Quantity::lr, 1, 10) == Approx(1));
  CHECK(s.value(Quantity::lr, 2, 0) == Approx(1));
  CHECK(s.value(Quantity::lr, 1, 5) == Approx(0.75));
  CHECK(s.value(Quantity::lr, 1, 0) == 0.5);
  CHECK(s.value(Quantity::momentum, 0.9, 5) == 0.9);
}

}  // namespace selfsup::train
