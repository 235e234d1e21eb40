#include "config/schema.h"

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/errors.h"
#include "config/host_schema.h"
#include "data/datasets/dataset.h"
#include "data/transforms/transform.h"

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

// Optimizers and schedulers are of rooms above this one; these are as they have them.
const std::map<std::string, Json, std::less<>>& stand_ins(std::string_view kind) {
  static const std::map<std::string, Json, std::less<>> optimizers = {
      {"AdamW", parse_schema(R"({"type": "object", "properties": {"lr": {"type": "number", "minimum": 0},
    "betas": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2, "default": [0.9, 0.999]},
    "eps": {"type": "number", "default": 1e-8}, "weight_decay": {"type": "number", "default": 0.01}}, "required": ["lr"]})",
                             "AdamW")}};
  static const std::map<std::string, Json, std::less<>> schedulers = [] {
    std::map<std::string, Json, std::less<>> all;
    for (const char* name : {"LinearLR", "CosineAnnealingLR", "MultiStepLR", "StepLR", "PolyLR"})
      all.emplace(
          name,
          parse_schema(R"({"type": "object", "properties": {"begin": {"type": "integer"}, "end": {"type": "integer"},
    "by_epoch": {"type": "boolean"}, "convert_to_iter_based": {"type": "boolean"}, "start_factor": {"type": "number"},
    "T_max": {"type": "integer"}, "eta_min": {"type": "number"}, "milestones": {"type": "array"}, "gamma": {"type": "number"},
    "step_size": {"type": "integer"}, "power": {"type": "number"}}})",
                       name));
    return all;
  }();
  static const std::map<std::string, Json, std::less<>> none;
  return kind == "optimizer" ? optimizers : kind == "scheduler" ? schedulers : none;
}

ComponentSchemas components() {
  const auto find = [](std::string_view kind, std::string_view type) -> const Json* {
    static std::map<std::string, Json, std::less<>> read;
    const auto& table = stand_ins(kind);
    if (const auto own = table.find(type); own != table.end()) return &own->second;
    std::string text;
    if (kind == "ssp.algorithm/0" && (type == "MAE" || type.empty())) text = type.empty() ? "" : kAlgorithm;
    if (kind == "ssp.backbone.tokens/0" && (type == "MAEViT" || type == "VisionTransformer")) text = kBackbone;
    if (kind == "dataset") {
      const data::DatasetType* own = data::dataset_types().find(type.empty() ? data::kDefaultDataset : type);
      return own ? &own->schema : nullptr;
    }
    if (kind == "transform") {
      const data::TransformType* own = data::transform_types().find(type);
      return own ? &own->schema : nullptr;
    }
    if (text.empty()) return nullptr;
    return &read.try_emplace(std::string(kind) + "/" + std::string(type), parse_schema(text, "the test")).first->second;
  };
  const auto names = [](std::string_view kind) {
    std::vector<std::string> all;
    for (const auto& [name, schema] : stand_ins(kind)) all.push_back(name);
    if (kind == "ssp.algorithm/0") all = {"MAE"};
    if (kind == "ssp.backbone.tokens/0") all = {"MAEViT", "VisionTransformer"};
    if (kind == "dataset") all = data::dataset_types().names();
    if (kind == "transform") all = data::transform_types().names();
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

std::string all_texts(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& p : problems) text += describe(p.source) + ": " + p.path + ": " + p.text + "\n";
  return text;
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
  value.source = Source{"file", "c.json", 7, 9};
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
  CHECK(config.at_path("probe.batch_size")->source.layer() == "default");
  CHECK(describe(config.at_path("probe.batch_size")->source) == "the default");
  const Json again = config;
  validate(config, host_schema(), "", components());
  CHECK(config == again);
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
  CHECK(contains(problems_with("device", "GPU"), "did you mean 'cuda'?"));
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

TEST_CASE("a key in the wrong place is looked for near it, first in the same file") {
  const std::string in_dataloader = problems_with("train_dataloader.image_size", 8);
  CHECK(contains(in_dataloader, "did you mean 'train_dataloader.dataset.image_size'?"));
  CHECK(contains(problems_with("train_dataloader.size", 8), "did you mean 'train_dataloader.dataset.size'?"));
  CHECK(contains(problems_with("probe.image_size", 8), "did you mean 'probe.dataset.image_size'?"));
  Json config = parse(kSample);
  set_source(*config.find("train_dataloader"), Source{"base", "b.json", 1, 1});
  config.set("image_size", 8).source = Source{"file", "c.json", 7, 9};
  CHECK(contains(all_texts(check(config)), "did you mean 'probe.dataset.image_size'?"));
}

TEST_CASE("type is a key only where an object has one") {
  for (const char* key : {"type", "randomness.type", "env_cfg.type", "probe.type", "optim_wrapper.paramwise_cfg.type",
                          "model.backbone.arch.type"})
    CHECK(contains(problems_with(key, "x"), std::string(key) + ": no such key\n"));
  CHECK(contains(problems_with("default_hooks.logger.type", "WandbHook"), "expected one of \"LoggerHook\""));
  // What files of MMSelfSup have.
  CHECK(problems_with("default_hooks",
                      parse(R"({"runtime_info": {"type": "RuntimeInfoHook"}, "timer": {"type": "IterTimerHook"},
    "logger": {"type": "LoggerHook", "interval": 100}, "param_scheduler": {"type": "ParamSchedulerHook"},
    "checkpoint": {"type": "CheckpointHook", "interval": 1, "max_keep_ckpts": 3},
    "sampler_seed": {"type": "DistSamplerSeedHook"}})"))
            .empty());
  CHECK(problems_with("train_dataloader.collate_fn", parse(R"({"type": "default_collate"})")).empty());
  CHECK(problems_with("visualizer",
                      parse(R"({"type": "SelfSupVisualizer", "vis_backends": [{"type": "LocalVisBackend"}]})"))
            .empty());
  CHECK(problems_with("data_preprocessor.type", "SelfSupDataPreprocessor").empty());
}

TEST_CASE("_base_ and _delete_ are suggested too") {
  CHECK(contains(problems_with("_bse_", "x.json"), "_bse_: no such key; did you mean '_base_'?"));
  CHECK(contains(problems_with("train_cfg._delte_", true), "did you mean '_delete_'?"));
  CHECK_FALSE(contains(problems_with("train_cfg._bse_", true), "_base_"));
}

TEST_CASE("what a plugin's object lacks is missing in the file") {
  Json config = parse(kSample);
  set_source(*config.find("train_dataloader"), Source{"plugin", "some.plugin", 0, 0});
  config.find("train_dataloader")->erase("dataset");
  CHECK(contains(all_texts(check(config)), "c.json:1:1: train_dataloader: 'dataset' is missing"));
}

TEST_CASE("an object that is absent and one that is empty resolve alike") {
  Json without = parse(kSample), with = parse(kSample);
  for (const char* key : {"default_hooks", "randomness", "auto_scale_lr"}) {
    without.erase(key);
    with.set(key, Json::object());
  }
  without.find("train_dataloader")->erase("sampler");
  with.find("train_dataloader")->set("sampler", Json::object());
  for (Json* config : {&without, &with}) validate(*config, host_schema(), "", components());
  CHECK(without == with);
  CHECK(without.at_path("default_hooks.checkpoint.max_keep_ckpts")->as_int() == 3);
}

TEST_CASE("the top level is judged before components are known") {
  const Json config =
      parse(R"({"plugin": ["mae.so"], "plugins": [3], "model": null, "probe": null, "train_cfg": {"x": 1}})");
  CHECK(all_texts(unknown_keys(config, host_schema())) ==
        "c.json:1:12: plugin: no such key; did you mean 'plugins'?\n");
  CHECK(all_texts(wrong_types(config, host_schema())) ==
        "c.json:1:36: plugins.0: expected string, found integer 3\nc.json:1:49: model: expected object, found null\n");
}

TEST_CASE("long keys are shortened") {
  const std::string text = problems_with(std::string(500, 'k'), 1);
  CHECK(contains(text, std::string(60, 'k') + "…: no such key"));
  CHECK(text.size() < 120);
}

TEST_CASE("a mistyped option is understood as the key of a lower layer that it would replace") {
  Json config = parse(kSample);
  config.find("train_cfg")->set("max_epoch", 3).source =
      Source{"cfg-options", "--cfg-options train_cfg.max_epoch=3", 0, 0};
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
    CHECK_FALSE(contains(e.what(), "unheard_of_20"));
    CHECK(contains(e.what(), "and more"));
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
  // Accepted, and of no effect where random numbers go by sample and one process trains.
  CHECK(keys_without_effect(parse(kSample)) ==
        std::vector<std::string>{"env_cfg.dist_cfg.backend", "randomness.diff_rank_seed", "default_scope"});
}

TEST_CASE("numbers that would overflow are refused") {
  CHECK(contains(problems_with("default_hooks.checkpoint.max_keep_ckpts", int64_t{4294967297}), "expected at most"));
  CHECK(contains(problems_with("train_cfg.max_epochs", int64_t{9000000000000000000}), "expected at most 1000000000"));
}
