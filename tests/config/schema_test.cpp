#include "config/schema.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/random.h"
#include "config/files.h"
#include "config/host_schema.h"
#include "data/schema.h"

using namespace selfsup;
using namespace selfsup::config;

namespace {

// Stand-ins for what plugins bring.
constexpr char kAlgorithm[] = R"({"type": "object", "properties": {
  "type": {"type": "string"},
  "backbone": {"type": "object", "x-ssp-component": "ssp.backbone.tokens/0",
               "x-ssp-claims": {"mask_ratio": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.99, "default": 0.75}}},
  "neck": {"type": "object", "properties": {"type": {"type": "string"}, "patch_size": {"type": "integer"}, "in_chans": {"type": "integer"},
    "embed_dim": {"type": "integer"}, "decoder_embed_dim": {"type": "integer"}, "decoder_depth": {"type": "integer"},
    "decoder_num_heads": {"type": "integer"}, "mlp_ratio": {"type": "number"}, "num_patches": {"type": "integer"}, "pos_embed_order": {"type": "string"}}},
  "head": {"type": "object", "properties": {"type": {"type": "string"}, "norm_pix": {"type": "boolean"}, "patch_size": {"type": "integer"},
    "loss": {"type": "object", "properties": {"type": {"type": "string"}}}}}},
  "required": ["backbone"]})";
constexpr char kBackbone[] = R"({"type": "object", "properties": {"type": {"type": "string"},
  "arch": {"type": ["string", "object"], "enum": ["b", "l"], "properties": {"embed_dims": {"type": "integer"}, "num_layers": {"type": "integer"},
    "num_heads": {"type": "integer"}, "feedforward_channels": {"type": "integer"}}},
  "patch_size": {"type": "integer", "minimum": 1, "default": 16}, "img_size": {"type": "integer"}, "in_channels": {"type": "integer"},
  "drop_path_rate": {"type": "number"}, "qkv_bias": {"type": "boolean"}, "final_norm": {"type": "boolean"}, "pos_embed": {"type": "string"},
  "pos_embed_order": {"type": "string"}, "norm_cfg": {"type": "object"}}})";

ComponentSchemas components() {
  const auto find = [](std::string_view kind, std::string_view type) -> const Json* {
    static std::map<std::string, Json, std::less<>> read;
    if (const Json* own = built_in_schema(kind, type)) return own;
    std::string text;
    if (kind == "ssp.algorithm/0" && (type == "MAE" || type.empty())) text = type.empty() ? "" : kAlgorithm;
    if (kind == "ssp.backbone.tokens/0" && (type == "MAEViT" || type == "VisionTransformer")) text = kBackbone;
    if (kind == "dataset") text = data::dataset_schema(type.empty() ? "image_folder" : type);
    if (kind == "transform") text = data::transform_schema(type);
    if (text.empty()) return nullptr;
    return &read.try_emplace(std::string(kind) + "/" + std::string(type), parse_schema(text, "the test")).first->second;
  };
  const auto names = [](std::string_view kind) {
    std::vector<std::string> all = built_in_names(kind);
    if (kind == "ssp.algorithm/0") all = {"MAE"};
    if (kind == "ssp.backbone.tokens/0") all = {"MAEViT", "VisionTransformer"};
    if (kind == "dataset")
      for (const auto name : data::dataset_types()) all.emplace_back(name);
    if (kind == "transform")
      for (const auto name : data::transform_types()) all.emplace_back(name);
    return all;
  };
  return {find, names};
}

constexpr char kSample[] = R"({
  "plugins": ["p.so"],
  "model": {"type": "MAE", "backbone": {"type": "MAEViT", "arch": {"embed_dims": 96, "num_layers": 3, "num_heads": 4}, "patch_size": 7, "mask_ratio": 0.6},
            "neck": {"type": "D", "decoder_embed_dim": 48, "decoder_depth": 1}, "head": {"type": "H", "norm_pix": true, "loss": {"type": "L"}}},
  "data_preprocessor": {"mean": [0.5], "std": [0.5], "bgr_to_rgb": true},
  "train_dataloader": {"batch_size": 8, "num_workers": 2, "drop_last": true, "sampler": {"type": "DefaultSampler", "shuffle": true},
    "dataset": {"type": "shapes", "size": 64, "image_size": 32, "seed": 0,
                "pipeline": [{"type": "RandomResizedCrop", "size": 32, "scale": [0.2, 1.0]}, {"type": "RandomFlip", "prob": 0.5}]}},
  "optim_wrapper": {"type": "AmpOptimWrapper", "loss_scale": "dynamic", "dtype": "bfloat16", "accumulative_counts": 2,
    "optimizer": {"type": "AdamW", "lr": 0.001, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.05},
    "clip_grad": {"max_norm": 1.0, "norm_type": 2}, "paramwise_cfg": {"custom_keys": {"bias": {"decay_mult": 0.0, "lr_mult": 1}}, "norm_decay_mult": 0.0}},
  "param_scheduler": [{"type": "LinearLR", "start_factor": 0.01, "begin": 0, "end": 1, "by_epoch": true, "convert_to_iter_based": true},
                      {"type": "CosineAnnealingLR", "T_max": 2, "eta_min": 0.0}, {"type": "MultiStepLR", "milestones": [3], "gamma": 0.1},
                      {"type": "StepLR", "step_size": 3}, {"type": "PolyLR", "power": 2}],
  "train_cfg": {"type": "EpochBasedTrainLoop", "by_epoch": true, "max_epochs": 3},
  "default_hooks": {"logger": {"interval": 5}, "checkpoint": {"interval": 1, "max_keep_ckpts": 2, "save_last": true}},
  "env_cfg": {"num_threads": 2, "dist_cfg": {"backend": "gloo", "port": 29500, "timeout": 60}},
  "randomness": {"seed": 1, "deterministic": true, "diff_rank_seed": false},
  "auto_scale_lr": {"enable": true, "base_batch_size": 256},
  "probe": {"dataset": {"type": "shapes", "size": 64, "image_size": 32, "seed": 1}, "test_dataset": {"type": "shapes", "size": 64, "image_size": 32, "seed": 2},
            "interval": 1, "k": 5, "temperature": 0.1, "baselines": false, "few_labels": 40, "draws": 2, "bank": 64, "queries": 64},
  "device": "cpu", "resume": false, "load_from": null, "work_dir": "w", "sync_bn": "torch", "find_unused_parameters": false, "default_scope": "x"
})";

std::vector<Problem> check(Json config) { return validate(config, host_schema(), "", components()); }

Json parse(const std::string& text) { return parse_json(text, "c.json", "file"); }

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

std::string all_texts(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& p : problems) text += describe(p.origin) + ": " + p.path + ": " + p.text + "\n";
  return text;
}

std::vector<Json> configs() {
  std::vector<Json> all = {parse(kSample)};
  const std::filesystem::path folder = std::filesystem::path(SELFSUP_SOURCE_DIR) / "configs";
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".json") all.push_back(load_config(entry.path().string()));
  return all;
}

// The texts of the problems that `json` laid over the sample gives.
std::string problems_with(const std::string& dotted, Json value) {
  Json config = parse(kSample);
  Json* node = &config;
  std::string rest = dotted;
  for (size_t dot = rest.find('.'); dot != std::string::npos; rest.erase(0, dot + 1), dot = rest.find('.')) {
    const std::string part = rest.substr(0, dot);
    node = node->is_array() ? &node->as_array()[std::stoul(part)] : node->find(part);
    REQUIRE(node);
  }
  value.origin = Origin{"file", "c.json", 7, 9};
  node->set(rest, std::move(value));
  return all_texts(check(config));
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the sample is valid, and defaults are filled in") {
  Json config = parse(kSample);
  INFO(all_texts(check(config)));
  REQUIRE(check(config).empty());
  validate(config, host_schema(), "", components());
  CHECK(config.at_path("default_hooks.checkpoint.max_keep_ckpts")->as_int() == 2);
  CHECK(config.at_path("probe.batch_size")->as_int() == 256);
  CHECK(config.at_path("probe.batch_size")->origin.layer == "default");
  CHECK(describe(config.at_path("probe.batch_size")->origin) == "the default");
  const Json again = config;
  validate(config, host_schema(), "", components());
  CHECK(config == again);
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

TEST_CASE("wrong types, ranges and choices name key, place, expected and found") {
  CHECK(contains(problems_with("train_dataloader.batch_size", 0),
                 "c.json:7:9: train_dataloader.batch_size: expected at least 1, found 0"));
  CHECK(contains(problems_with("train_dataloader.batch_size", 8.0), "expected integer, found number 8.0"));
  CHECK(contains(problems_with("train_dataloader.batch_size", "8"), "expected integer, found string \"8\""));
  CHECK(contains(problems_with("train_dataloader.drop_last", 1), "expected boolean, found integer 1"));
  CHECK(contains(problems_with("optim_wrapper.optimizer.lr", -1), "expected at least 0"));
  CHECK(problems_with("optim_wrapper.optimizer.lr", 1).empty());  // a whole number may stand for a number
  CHECK(contains(problems_with("optim_wrapper.optimizer.betas", Json(Json::Array{Json(0.9)})),
                 "expected at least 2 elements, found 1"));
  CHECK(contains(problems_with("probe.temperature", 0), "expected more than 0"));
  CHECK(contains(problems_with("env_cfg.dist_cfg.port", 70000), "expected at most 65535"));
  CHECK(contains(problems_with("device", "gpu"), "expected one of \"auto\", \"cpu\", \"cuda\", found \"gpu\""));
  CHECK(contains(problems_with("optim_wrapper.type", "AmpOptimWraper"), "did you mean 'AmpOptimWrapper'?"));
  CHECK(contains(problems_with("data_preprocessor.bgr_to_rgb", false), "expected one of true"));
  CHECK(contains(problems_with("model.backbone.mask_ratio", 2), "model.backbone.mask_ratio: expected at most 0.99"));
  CHECK(contains(problems_with("model.backbone.arch", "x"), "expected one of \"b\", \"l\""));
  CHECK(contains(problems_with("model.backbone.type", "MAEVit"), "did you mean 'MAEViT'?"));
  CHECK(contains(problems_with("optim_wrapper.paramwise_cfg.custom_keys.bias.decay", 1),
                 "custom_keys.bias.decay: no such key"));
  CHECK(contains(problems_with("param_scheduler.0.type", "LinearRL"), "did you mean 'LinearLR'?"));
  CHECK(contains(problems_with("model", Json(nullptr)), "model: expected object, found null\n"));
}

TEST_CASE("keys inside a single schedule and a loss scale are checked too") {
  const Json schedule = parse(R"({"type": "CosineAnnealingLR", "T_maxx": 2})");
  CHECK(contains(problems_with("param_scheduler", schedule), "param_scheduler.T_maxx: no such key; did you mean"));
  CHECK(
      contains(problems_with("optim_wrapper.loss_scale", parse(R"({"init_scal": 2})")), "did you mean 'init_scale'?"));
  CHECK(contains(problems_with("optim_wrapper.loss_scale", "dynamc"), "did you mean 'dynamic'?"));
  CHECK(problems_with("optim_wrapper.loss_scale", 512).empty());
}

TEST_CASE("a key of another optimizer, and a key in the wrong place") {
  CHECK(contains(problems_with("optim_wrapper.optimizer.momentum", 0.9),
                 "optim_wrapper.optimizer.momentum: no such key"));
  CHECK(contains(problems_with("optimizer", Json::object()), "did you mean 'optim_wrapper.optimizer'?"));
  CHECK(contains(problems_with("lr", 0.1), "did you mean 'optim_wrapper.optimizer.lr'?"));
}

TEST_CASE("a mistyped option is understood as the key of a lower layer that it would replace") {
  Json config = parse(kSample);
  config.find("train_cfg")->set("max_epoch", 3).origin =
      Origin{"cfg-options", "--cfg-options train_cfg.max_epoch=3", 0, 0};
  CHECK(contains(all_texts(check(config)), "train_cfg.max_epoch: no such key; did you mean 'max_epochs'?"));
}

TEST_CASE("all problems are listed, up to twenty") {
  Json config = parse(kSample);
  for (int i = 0; i < 30; ++i) config.set("unheard_of_" + std::to_string(i), i);
  try {
    throw_if_any(check(config));
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    CHECK(contains(e.what(), "unheard_of_19"));
    CHECK(contains(e.what(), "and 10 more"));
  }
}

TEST_CASE("a schema that is none is its plugin's error") {
  for (const char* text : {"[]", "{", R"({"typ": "object"})", R"({"type": "float"})", R"({"type": 3})",
                           R"({"properties": []})", R"({"required": [1]})", R"({"minimum": "1"})", R"({"enum": 1})",
                           R"({"items": []})", R"({"properties": {"a": {"minItems": 1.5}}})"}) {
    INFO(text);
    try {
      parse_schema(text, "odd.so");
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(e.exit() == Exit::plugin);
      CHECK(contains(e.what(), "odd.so"));
    }
  }
}

TEST_CASE("keys about Python's machinery are known by name") {
  const auto keys = keys_without_effect(
      parse(R"({"default_scope": "mmselfsup", "train_dataloader": {"persistent_workers": true, "batch_size": 1}})"));
  CHECK(keys == std::vector<std::string>{"train_dataloader.persistent_workers", "default_scope"});
}
