// The configurations under configs/selfsup/simclr against MMSelfSup's values, which stand here in full.
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/fixture.h"
#include "support/shipped.h"

using namespace selfsup;
using namespace selfsup::testing;

namespace {

const std::vector<Row> kSimClrValues = {
    {"model.type", R"("SimCLR")"},
    {"model.backbone.type", R"("ResNet")"},
    {"model.backbone.depth", "50"},
    {"model.backbone.in_channels", "3"},
    {"model.backbone.out_indices", "[4]"},
    {"model.backbone.norm_cfg.type", R"("SyncBN")"},
    {"model.backbone.zero_init_residual", "true"},
    {"model.neck.type", R"("NonLinearNeck")"},
    {"model.neck.in_channels", "2048"},
    {"model.neck.hid_channels", "2048"},
    {"model.neck.out_channels", "128"},
    {"model.neck.num_layers", "2"},
    {"model.neck.with_avg_pool", "true"},
    {"model.neck.with_bias", "false"},
    {"model.neck.with_last_bn", "true"},
    {"model.neck.with_last_bn_affine", "true"},
    {"model.neck.with_last_bias", "false"},
    {"model.neck.norm_cfg.type", R"("SyncBN")"},
    {"model.head.type", R"("ContrastiveHead")"},
    {"model.head.temperature", "0.1"},
    {"model.head.loss.type", R"("CrossEntropyLoss")"},
    {"train_dataloader.num_workers", "4"},
    {"train_dataloader.dataset.pipeline.1.type", R"("MultiView")"},
    {"train_dataloader.dataset.pipeline.1.num_views", "2"},
    {"train_dataloader.dataset.pipeline.1.transforms.1", ""},
    {"train_dataloader.dataset.pipeline.1.transforms.0.0.type", R"("RandomResizedCrop")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.0.size", "224"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.0.scale", "[0.08, 1.0]"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.0.ratio", "[0.75, 1.3333333333333333]"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.0.backend", R"("pillow")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.0.interpolation", R"("bilinear")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.1.type", R"("RandomFlip")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.1.prob", "0.5"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.2.type", R"("RandomApply")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.2.prob", "0.8"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.2.transforms.0.type", R"("ColorJitter")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.2.transforms.0.brightness", "0.8"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.2.transforms.0.contrast", "0.8"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.2.transforms.0.saturation", "0.8"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.2.transforms.0.hue", "0.2"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.2.transforms.1", ""},
    {"train_dataloader.dataset.pipeline.1.transforms.0.3.type", R"("RandomGrayscale")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.3.prob", "0.2"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.3.keep_channels", "true"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.3.channel_weights", "[0.114, 0.587, 0.2989]"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.3.color_format", R"("bgr")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.4.type", R"("RandomGaussianBlur")"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.4.sigma_min", "0.1"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.4.sigma_max", "2"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.4.prob", "0.5"},
    {"train_dataloader.dataset.pipeline.1.transforms.0.5", ""},
    {"train_dataloader.dataset.pipeline.2", R"({"type": "PackSelfSupInputs", "meta_keys": ["img_path"]})"},
    {"train_dataloader.dataset.pipeline.3", ""},
    {"optim_wrapper.type", R"("OptimWrapper")"},
    {"optim_wrapper.optimizer.type", R"("LARS")"},
    {"optim_wrapper.optimizer.momentum", "0.9"},
    {"optim_wrapper.optimizer.weight_decay", "1e-6"},
    {"optim_wrapper.optimizer.eta", "0.001"},
    {"optim_wrapper.optimizer.eps", "1e-8"},
    {"optim_wrapper.optimizer.dampening", "0"},
    {"optim_wrapper.optimizer.nesterov", "false"},
    {"optim_wrapper.paramwise_cfg.custom_keys.bn", R"({"decay_mult": 0, "lars_exclude": true})"},
    {"optim_wrapper.paramwise_cfg.custom_keys.bias", R"({"decay_mult": 0, "lars_exclude": true})"},
    {"optim_wrapper.paramwise_cfg.custom_keys.downsample.1", ""},  // its dot is no path
    {"param_scheduler.0.start_factor", "0.0001"},
    {"param_scheduler.0.end", "10"},
    {"param_scheduler.1.begin", "10"},
    {"param_scheduler.1.convert_to_iter_based", "false"},
    {"default_hooks.logger.interval", "50"},
    {"default_hooks.checkpoint.interval", "10"},
    {"resume", "false"},
    {"randomness.seed", ""},
};

struct Variant {
  const char* name;
  int ranks, batch;
  const char* lr;
};
constexpr Variant kVariants[] = {{"8xb32", 8, 32, "0.3"}, {"8xb64", 8, 64, "0.6"}, {"16xb256", 16, 256, "4.8"}};

std::string name_of(const Variant& variant, int epochs) {
  return std::string("simclr/simclr_resnet50_") + variant.name + "-coslr-" + std::to_string(epochs) + "e_in1k";
}

}  // namespace

TEST_CASE("every SimCLR configuration has MMSelfSup's values", "[reference]") {
  std::set<std::string> names;
  for (const Variant& variant : kVariants) {
    for (const int epochs : {200, 800}) {
      const std::string name = name_of(variant, epochs);
      INFO(name);
      names.insert(name);
      const Json tree = shipped_config(name);
      check_values(tree, kRuntimeValues);
      check_values(tree, kSimClrValues);
      CHECK(tree.at_path("optim_wrapper.paramwise_cfg.custom_keys")->get("downsample.1") ==
            tree.at_path("optim_wrapper.paramwise_cfg.custom_keys")->get("bn"));
      CHECK(tree.at_path("optim_wrapper.paramwise_cfg.custom_keys")->as_object().size() == 3);
      const std::string end = std::to_string(epochs), period = std::to_string(epochs - 10),
                        batch = std::to_string(variant.batch),
                        base_batch = std::to_string(variant.ranks * variant.batch);
      check_values(tree, {{"train_dataloader.batch_size", batch.c_str()},
                          {"optim_wrapper.optimizer.lr", variant.lr},
                          {"param_scheduler.1.T_max", period.c_str()},
                          {"param_scheduler.1.end", end.c_str()},
                          {"train_cfg.max_epochs", end.c_str()},
                          {"auto_scale_lr.base_batch_size", base_batch.c_str()}});
    }
  }
  for (const std::string& name : shipped_names())
    if (!name.starts_with("mae/")) CHECK(names.count(name) == 1);
}

TEST_CASE("the rates of SimCLR on ImageNet-1k", "[reference]") {
  check_rates(shipped_config(name_of(kVariants[0], 200)), 256,
              {{0, 3e-5}, {50049, 0.3}, {55055, 0.299979496}, {500000, 0.164856830}, {1000999, 2.05042511e-5}});
  check_rates(shipped_config(name_of(kVariants[1], 800)), 512, {{0, 6e-5}, {25029, 0.6}});
  check_recorded_rates(name_of(kVariants[0], 200));
  check_recorded_rates(name_of(kVariants[2], 200));
}

TEST_CASE("SimCLR: decay and LARS of every parameter of ResNet-50", "[reference]") {
  const Json tree = shipped_config(name_of(kVariants[0], 200));
  Model model(model_of(tree));
  CHECK(model.store.count(model::Kind::parameter) == 27968832);
  std::map<std::string, train::ParamSettings> made;
  const auto groups = groups_of(model.store, tree);
  CHECK(groups.size() == 2);
  for (const train::ParamGroup& group : groups)
    for (const model::Entry* entry : group.entries) made[entry->name] = group.settings;
  const Json recorded = load_json("paramwise_simclr_resnet50");
  CHECK(made.size() == recorded.get("parameters").as_array().size());
  for (const Json& want : recorded.get("parameters").as_array()) {
    INFO(want.get("name").as_string());
    const auto got = made.find(want.get("name").as_string());
    REQUIRE(got != made.end());
    CHECK(got->second.lr == 0.3);
    CHECK(got->second.weight_decay == want.get("weight_decay").as_double());
    CHECK(got->second.extras.get_bool("lars_exclude", false) == want.get("lars_exclude").as_bool());
  }
}
