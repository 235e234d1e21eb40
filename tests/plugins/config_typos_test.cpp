// One-edit typos in configurations, under the schemas of the host and of the built plugins.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/random.h"
#include "config/files.h"
#include "config/host_schema.h"
#include "run/component_schemas.h"
#include "support/fixture.h"

using namespace selfsup;
using namespace selfsup::config;

namespace {

// What the shipped configurations leave out.
constexpr char kRest[] = R"({
  "plugins": ["mae.so"],
  "model": {"type": "MAE", "init_cfg": null,
            "backbone": {"type": "VisionTransformer", "arch": {"embed_dims": 96, "num_layers": 3, "num_heads": 4}, "drop_path_rate": 0.1,
                         "qkv_bias": true, "final_norm": true, "pos_embed": "sincos", "pos_embed_order": "row", "norm_cfg": {"eps": 1e-6}},
            "neck": {"num_patches": 16, "pos_embed_order": "row"}},
  "data_preprocessor": {"mean": [0.5], "std": [0.5], "bgr_to_rgb": true},
  "train_dataloader": {"batch_size": 8, "num_workers": 2, "drop_last": true, "max_bad_fraction": 0.1, "prefetch_factor": 2,
    "dataset": {"type": "shapes", "size": 64, "image_size": 32, "seed": 0}},
  "optim_wrapper": {"type": "AmpOptimWrapper", "loss_scale": "dynamic", "dtype": "bfloat16", "accumulative_counts": 2,
    "optimizer": {"type": "SGD", "lr": 0.001, "momentum": 0.9, "dampening": 0, "nesterov": true},
    "clip_grad": {"max_norm": 1.0, "norm_type": 2},
    "paramwise_cfg": {"custom_keys": {"bias": {"decay_mult": 0.0, "lr_mult": 1}}, "norm_decay_mult": 0.0, "bias_lr_mult": 1}},
  "param_scheduler": [{"type": "MultiStepLR", "milestones": [3], "gamma": 0.1}, {"type": "StepLR", "step_size": 3},
                      {"type": "PolyLR", "power": 2}, {"type": "CosineAnnealingLR", "T_max": 2, "eta_min": 0.0}],
  "train_cfg": {"type": "EpochBasedTrainLoop", "by_epoch": true, "max_epochs": 3},
  "default_hooks": {"logger": {"interval": 5}, "checkpoint": {"interval": 1, "max_keep_ckpts": 2, "save_last": true}},
  "env_cfg": {"num_threads": 2},
  "randomness": {"seed": 1, "deterministic": true},
  "probe": {"dataset": {"type": "shapes", "size": 64, "image_size": 32, "seed": 1}, "test_dataset": {"type": "shapes", "size": 64, "image_size": 32, "seed": 2},
            "interval": 1, "k": 5, "temperature": 0.1, "baselines": false, "few_labels": 40, "draws": 2, "bank": 64, "queries": 64},
  "device": "cpu", "resume": false, "load_from": null, "work_dir": "w", "default_scope": "x"
})";

// Every plugin of ours brings what some file names.
std::vector<Problem> check(Json config) {
  for (const char* plugin : {"mae.so", "simclr.so"})
    selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/lib/selfsup/plugins/" + std::string(plugin));
  return validate(config, host_schema(), "", run::component_schemas(selfsup::testing::registry()));
}

std::string all_texts(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& p : problems) text += describe(p.source) + ": " + p.path + ": " + p.text + "\n";
  return text;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Place {
  std::vector<std::string> path;  // of the object
  std::string key;
};

// Every key whose spelling the schemas decide: not names of parameters, nor what stands under keys without effect.
void places(const Json& node, std::vector<std::string>& path, std::vector<Place>& out,
            const std::vector<std::string>& idle) {
  if (node.is_array())
    for (size_t i = 0; i < node.as_array().size(); ++i) {
      path.push_back(std::to_string(i));
      places(node.as_array()[i], path, out, idle);
      path.pop_back();
    }
  if (!node.is_object()) return;
  for (const auto& [key, value] : node.as_object()) {
    if (path.empty() || path.back() != "custom_keys") out.push_back({path, key});
    path.push_back(key);
    std::string dotted;
    for (const std::string& part : path) dotted += (dotted.empty() ? "" : ".") + part;
    if (std::find(idle.begin(), idle.end(), dotted) == idle.end()) places(value, path, out, idle);
    path.pop_back();
  }
}

std::string typo(const std::string& key, KeyedRandom& random) {
  std::string s = key;
  const auto letter = [&] { return static_cast<char>('a' + random.below(26)); };
  const size_t at = random.below(s.size());
  switch (random.below(4)) {
    case 0:
      s.erase(at, 1);
      break;
    case 1:
      s.insert(s.begin() + static_cast<long>(at), letter());
      break;
    case 2:
      s[at] = letter();
      break;
    default:
      if (at + 1 < s.size())
        std::swap(s[at], s[at + 1]);
      else
        s += letter();
  }
  return s;
}

Json with_key(Json config, const Place& place, const std::string& key) {
  Json* node = &config;
  for (const std::string& part : place.path)
    node = node->is_array() ? &node->as_array()[std::stoul(part)] : node->find(part);
  for (auto& [name, value] : node->as_object())
    if (name == place.key) name = key;
  return config;
}

struct Shipped {
  std::string name;
  Json config;
};

std::vector<Shipped> shipped() {
  std::vector<Shipped> all;
  for (const auto& entry : std::filesystem::directory_iterator(SELFSUP_SOURCE_DIR "/configs"))
    if (entry.path().extension() == ".json")
      all.push_back({entry.path().filename(), load_config(entry.path().string())});
  REQUIRE(all.size() >= 3);
  return all;
}

std::vector<Json> configs() {
  std::vector<Json> all = {parse_json(kRest, "c.json", "file")};
  for (const Shipped& one : shipped()) all.push_back(one.config);
  return all;
}

}  // namespace

TEST_CASE("the shipped configurations are valid under the schemas of the plugins that they name") {
  for (const Shipped& one : shipped()) {
    if (!one.config.has("plugins")) continue;  // the plugin of the command line brings what is missing
    INFO(one.name);
    CHECK(all_texts(check(one.config)).empty());
  }
  CHECK(all_texts(check(configs()[0])).empty());
}

TEST_CASE("one-edit typos of every key are refused, and the right name is suggested in 95 of 100") {
  KeyedRandom random(hash_key(11));
  int made = 0, right = 0;
  std::string missed;
  for (const Json& config : configs()) {
    const std::vector<std::string> idle = keys_without_effect(config);
    std::vector<Place> all;
    std::vector<std::string> path;
    places(config, path, all, idle);
    REQUIRE(all.size() > 5);
    const size_t before = check(config).size();  // a shipped config may leave to its plugin what is required here
    for (const Place& place : all) {
      for (int round = 0; round < 5; ++round) {
        const std::string wrong = typo(place.key, random);
        const Json changed = with_key(config, place, wrong);
        const Json* node = &config;
        for (const std::string& part : place.path)
          node = node->is_array() ? &node->as_array()[std::stoul(part)] : node->find(part);
        if (wrong.empty() || node->has(wrong)) continue;
        const std::vector<Problem> problems = check(changed);
        if (problems.size() <= before && wrong != place.key) {
          // Another key of the same object, by chance.
          const std::string text = all_texts(problems);
          CAPTURE(place.key, wrong, text);
          CHECK(wrong.size() <= 3);
          continue;
        }
        ++made;
        const bool hit = contains(all_texts(problems), "did you mean '" + place.key + "'?");
        right += hit;
        if (!hit) missed += place.key + " <- " + wrong + "\n";
      }
    }
  }
  INFO(missed);
  INFO(right << " of " << made);
  CHECK(made > 300);
  CHECK(right >= 0.95 * made);
}
