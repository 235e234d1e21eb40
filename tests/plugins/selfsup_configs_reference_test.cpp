// The configurations under configs/selfsup against MMSelfSup's values, which stand here in full.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "config/files.h"
#include "config/host_schema.h"
#include "config/layers.h"
#include "config/schema.h"
#include "distributed/single_process.h"
#include "run/component_schemas.h"
#include "run/facts.h"
#include "ssp/entry.h"
#include "support/fixture.h"
#include "train/optimizers/param_groups.h"
#include "train/schedules/schedules.h"

using namespace selfsup;

namespace {

const std::filesystem::path kFolder = SELFSUP_SOURCE_DIR "/configs/selfsup";
constexpr int64_t kImages = 1281167;  // of ImageNet-1k

// As `selfsup-host config` prints it.
Json resolved(const std::string& name) {
  const distributed::SingleProcess alone;
  plugin::Registry& registry = selfsup::testing::registry();
  const Json file = config::load_config(kFolder / (name + ".json"));
  const plugin::Component& algorithm = registry.find(SSP_KIND_ALGORITHM, file.at_path("model.type")->as_string());
  Json tree = config::merge(bridge::algorithm_defaults(algorithm, run::stated_facts(file, alone)), file);
  config::throw_if_any(config::validate(tree, config::host_schema(), "", run::component_schemas(registry)));
  return tree;
}

struct Row {
  const char *key, *value;  // "" : the key is absent
};

void check(const Json& tree, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.key);
    const Json* found = tree.at_path(row.key);
    if (!*row.value) {
      CHECK(!found);
      continue;
    }
    REQUIRE(found);
    const Json want = parse_json(row.value, "the test", "test");
    if (want.is_number() && found->is_number()) {
      CHECK(found->as_double() == want.as_double());
    } else {
      CHECK(to_text(*found) == to_text(want));
    }
  }
}

const std::vector<Row> kRuntime = {
    {"default_scope", R"("mmselfsup")"},
    {"default_hooks.runtime_info", R"({"type": "RuntimeInfoHook"})"},
    {"default_hooks.timer", R"({"type": "IterTimerHook"})"},
    {"default_hooks.param_scheduler", R"({"type": "ParamSchedulerHook"})"},
    {"default_hooks.sampler_seed", R"({"type": "DistSamplerSeedHook"})"},
    {"default_hooks.logger.type", R"("LoggerHook")"},
    {"default_hooks.checkpoint.type", R"("CheckpointHook")"},
    {"default_hooks.checkpoint.max_keep_ckpts", "3"},
    {"env_cfg.cudnn_benchmark", "false"},
    {"env_cfg.mp_cfg", R"({"mp_start_method": "fork", "opencv_num_threads": 0})"},
    {"env_cfg.dist_cfg.backend", R"("nccl")"},
    {"log_processor.window_size", "10"},
    {"vis_backends", R"([{"type": "LocalVisBackend"}])"},
    {"log_level", R"("INFO")"},
    {"load_from", "null"},
    {"train_cfg.type", R"("EpochBasedTrainLoop")"},
    {"train_dataloader.persistent_workers", "true"},
    {"train_dataloader.sampler.type", R"("DefaultSampler")"},
    {"train_dataloader.sampler.shuffle", "true"},
    {"train_dataloader.collate_fn.type", R"("default_collate")"},
    {"train_dataloader.drop_last", "false"},
    {"train_dataloader.pin_memory", ""},
    {"train_dataloader.dataset.type", R"("ImageNet")"},
    {"train_dataloader.dataset.data_root", R"("data/imagenet/")"},
    {"train_dataloader.dataset.ann_file", R"("meta/train.txt")"},
    {"train_dataloader.dataset.data_prefix.img_path", R"("train/")"},
    {"train_dataloader.dataset.pipeline.0.type", R"("LoadImageFromFile")"},
    {"train_dataloader.dataset.pipeline.0.color_type", R"("color")"},
    {"optim_wrapper.accumulative_counts", "1"},
    {"optim_wrapper.clip_grad", ""},
    {"param_scheduler.0.type", R"("LinearLR")"},
    {"param_scheduler.0.end_factor", "1"},
    {"param_scheduler.0.by_epoch", "true"},
    {"param_scheduler.0.begin", "0"},
    {"param_scheduler.0.convert_to_iter_based", "true"},
    {"param_scheduler.1.type", R"("CosineAnnealingLR")"},
    {"param_scheduler.1.by_epoch", "true"},
    {"param_scheduler.1.eta_min", ""},
    {"param_scheduler.2", ""},
    {"model.data_preprocessor.mean", "[123.675, 116.28, 103.53]"},
    {"model.data_preprocessor.std", "[58.395, 57.12, 57.375]"},
    {"model.data_preprocessor.bgr_to_rgb", "true"},
    {"auto_scale_lr.enable", "false"},
};

const std::vector<Row> kMae = {
    {"model.type", R"("MAE")"},
    {"model.backbone.type", R"("MAEViT")"},
    {"model.backbone.mask_ratio", "0.75"},
    {"model.backbone.img_size", "224"},
    {"model.backbone.in_channels", "3"},
    {"model.backbone.norm_cfg.eps", "1e-6"},
    {"model.backbone.final_norm", "true"},
    {"model.backbone.qkv_bias", "true"},
    {"model.backbone.drop_path_rate", "0"},
    {"model.neck.type", R"("MAEPretrainDecoder")"},
    {"model.neck.in_chans", "3"},
    {"model.neck.decoder_embed_dim", "512"},
    {"model.neck.decoder_depth", "8"},
    {"model.neck.decoder_num_heads", "16"},
    {"model.neck.mlp_ratio", "4"},
    {"model.head.type", R"("MAEPretrainHead")"},
    {"model.head.norm_pix", "true"},
    {"model.head.loss.type", R"("MAEReconstructionLoss")"},
    {"model.init_cfg", R"([{"type": "Xavier", "distribution": "uniform", "layer": "Linear"},
                           {"type": "Constant", "layer": "LayerNorm", "val": 1.0, "bias": 0.0}])"},
    {"train_dataloader.batch_size", "512"},
    {"train_dataloader.num_workers", "8"},
    {"train_dataloader.dataset.pipeline.1.type", R"("RandomResizedCrop")"},
    {"train_dataloader.dataset.pipeline.1.size", "224"},
    {"train_dataloader.dataset.pipeline.1.scale", "[0.2, 1.0]"},
    {"train_dataloader.dataset.pipeline.1.ratio", "[0.75, 1.3333333333333333]"},
    {"train_dataloader.dataset.pipeline.1.max_attempts", "10"},
    {"train_dataloader.dataset.pipeline.1.backend", R"("pillow")"},
    {"train_dataloader.dataset.pipeline.1.interpolation", R"("bicubic")"},
    {"train_dataloader.dataset.pipeline.2.type", R"("RandomFlip")"},
    {"train_dataloader.dataset.pipeline.2.prob", "0.5"},
    {"train_dataloader.dataset.pipeline.2.direction", R"("horizontal")"},
    {"train_dataloader.dataset.pipeline.3", R"({"type": "PackSelfSupInputs", "meta_keys": ["img_path"]})"},
    {"train_dataloader.dataset.pipeline.4", ""},
    {"optim_wrapper.optimizer.type", R"("AdamW")"},
    {"optim_wrapper.optimizer.lr", "0.0024"},
    {"optim_wrapper.optimizer.betas", "[0.9, 0.95]"},
    {"optim_wrapper.optimizer.weight_decay", "0.05"},
    {"optim_wrapper.optimizer.eps", "1e-8"},
    {"optim_wrapper.paramwise_cfg", R"({"custom_keys": {"ln": {"decay_mult": 0.0}, "bias": {"decay_mult": 0.0},
         "pos_embed": {"decay_mult": 0.0}, "mask_token": {"decay_mult": 0.0}, "cls_token": {"decay_mult": 0.0}}})"},
    {"param_scheduler.0.end", "40"},
    {"param_scheduler.1.begin", "40"},
    {"param_scheduler.1.convert_to_iter_based", "true"},
    {"default_hooks.logger.interval", "100"},
    {"default_hooks.checkpoint.interval", "1"},
    {"resume", "true"},
    {"randomness.seed", "0"},
    {"randomness.diff_rank_seed", "true"},
    {"auto_scale_lr.base_batch_size", "4096"},
};

struct Size {
  const char *name, *arch, *width, *patch, *num_patches;
  int64_t parameters;  // all, the frozen tables too
};
const Size kSizes[] = {{"base-p16", R"("b")", "768", "16", "", 111907840},
                       {"large-p16", R"("l")", "1024", "16", "", 329541888},
                       {"huge-p16", R"("h")", "1280", "14", "256", 657074508}};
constexpr int kEpochs[] = {300, 400, 800, 1600};

std::string mae_name(const Size& size, bool amp, int epochs) {
  return std::string("mae/mae_vit-") + size.name + "_8xb512-" + (amp ? "amp-" : "") + "coslr-" +
         std::to_string(epochs) + "e_in1k";
}

struct SimClr {
  const char* name;
  int ranks, batch;
  const char* lr;
};
constexpr SimClr kSimClr[] = {{"8xb32", 8, 32, "0.3"}, {"8xb64", 8, 64, "0.6"}, {"16xb256", 16, 256, "4.8"}};

std::string simclr_name(const SimClr& one, int epochs) {
  return std::string("simclr/simclr_resnet50_") + one.name + "-coslr-" + std::to_string(epochs) + "e_in1k";
}

// Of the epochs on ImageNet-1k; the last batch of an epoch is kept.
train::Schedules schedules(const Json& tree, int64_t images_of_a_step) {
  const int64_t epoch = (kImages + images_of_a_step - 1) / images_of_a_step;
  const int64_t epochs = tree.at_path("train_cfg.max_epochs")->as_int();
  return {*tree.find("param_scheduler"), {epoch, epoch * epochs, epochs}};
}

struct Rate {
  int64_t iteration;
  double lr;
};
void check_rates(const Json& tree, int64_t images_of_a_step, const std::vector<Rate>& rates) {
  train::Schedules schedule = schedules(tree, images_of_a_step);
  const double base = tree.at_path("optim_wrapper.optimizer.lr")->as_double();
  CHECK(schedule.unfinished_rise(base).empty());
  for (const Rate& rate : rates) {
    INFO("iteration " << rate.iteration);
    CHECK(std::abs(schedule.value(train::Quantity::lr, base, rate.iteration) - rate.lr) <=
          5e-9 * rate.lr + 1e-12 * base);
  }
}

std::vector<train::ParamGroup> groups(model::ParameterStore& store, const Json& tree) {
  const Json& optimizer = *tree.at_path("optim_wrapper.optimizer");
  return train::group_parameters(store.trained(), train::ParamRules(*tree.at_path("optim_wrapper.paramwise_cfg")),
                                 optimizer.get("lr").as_double(), optimizer.get("weight_decay").as_double());
}

}  // namespace

TEST_CASE("every MAE configuration has MMSelfSup's values", "[reference]") {
  for (const Size& size : kSizes) {
    for (const int epochs : kEpochs) {
      for (const bool amp : {false, true}) {
        const std::string name = mae_name(size, amp, epochs);
        INFO(name);
        const Json tree = resolved(name);
        check(tree, kRuntime);
        check(tree, kMae);
        const std::string end = std::to_string(epochs), period = std::to_string(epochs - 40);
        check(tree, {{"model.backbone.arch", size.arch},
                     {"model.backbone.patch_size", size.patch},
                     {"model.neck.patch_size", size.patch},
                     {"model.neck.embed_dim", size.width},
                     {"model.neck.num_patches", size.num_patches},
                     {"model.head.patch_size", size.patch},
                     {"optim_wrapper.type", amp ? R"("AmpOptimWrapper")" : R"("OptimWrapper")"},
                     {"optim_wrapper.loss_scale", amp ? R"("dynamic")" : ""},
                     {"param_scheduler.0.start_factor", epochs == 800 ? "1e-9" : "0.0001"},
                     {"param_scheduler.1.T_max", period.c_str()},
                     {"param_scheduler.1.end", end.c_str()},
                     {"train_cfg.max_epochs", end.c_str()}});
      }
    }
  }
}

TEST_CASE("every file of configs/selfsup is one of those that the tests pin", "[reference]") {
  std::set<std::string> want, there;
  for (const Size& size : kSizes)
    for (const int epochs : kEpochs)
      for (const bool amp : {false, true}) want.insert(mae_name(size, amp, epochs));
  for (const SimClr& one : kSimClr)
    for (const int epochs : {200, 800}) want.insert(simclr_name(one, epochs));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kFolder)) {
    const std::filesystem::path path = std::filesystem::relative(entry.path(), kFolder);
    if (entry.is_regular_file() && *path.begin() != "_base_") there.insert(path.parent_path() / path.stem());
  }
  CHECK(there == want);
}

TEST_CASE("the rates of MAE on ImageNet-1k", "[reference]") {
  check_rates(resolved("mae/mae_vit-base-p16_8xb512-coslr-400e_in1k"), 4096,
              {{0, 2.4e-7},
               {1, 4.31689432e-7},
               {99, 1.92172538e-5},
               {12519, 2.4e-3},
               {50000, 1.80231646e-3},
               {100000, 2.84196701e-4},
               {125199, 4.66398653e-13}});
  check_rates(resolved("mae/mae_vit-huge-p16_8xb512-amp-coslr-800e_in1k"), 4096, {{0, 2.4e-12}, {12519, 2.4e-3}});
}

TEST_CASE("rates are MMEngine's for the configurations that were run through it", "[reference]") {
  int compared = 0;
  for (const std::string& stem : selfsup::testing::family("lr_schedules", ".json")) {
    for (const Json& recorded : selfsup::testing::load_json(stem).get("configs").as_array()) {
      const std::string& name = recorded.get("config").as_string();
      INFO(recorded.get("name").as_string());
      const Json tree = resolved(name);
      const double base = tree.at_path("optim_wrapper.optimizer.lr")->as_double();
      CHECK(base == recorded.get("base_lr").as_double());
      const int64_t epoch = recorded.get("epoch_length").as_int(), epochs = recorded.get("max_epochs").as_int();
      CHECK(tree.at_path("train_cfg.max_epochs")->as_int() == epochs);
      train::Schedules schedule(*tree.find("param_scheduler"), {epoch, epoch * epochs, epochs});
      const auto &iterations = recorded.get("iteration").as_array(), &rates = recorded.get("lr").as_array();
      double worst = 0;
      for (size_t i = 0; i < rates.size(); ++i)
        worst = std::max(
            worst, std::abs(schedule.value(train::Quantity::lr, base, iterations[i].as_int()) - rates[i].as_double()));
      CHECK(worst <= 1e-10 * base);
      ++compared;
    }
  }
  CHECK(compared >= 12);
}

TEST_CASE("MAE: the groups of ViT-B, and the size of every model", "[reference]") {
  for (const Size& size : kSizes) {
    INFO(size.name);
    const Json tree = resolved(mae_name(size, false, 400));
    selfsup::testing::Model model(*tree.find("model"));
    const int64_t parameters = model.store.count(model::Kind::parameter) + model.store.count(model::Kind::frozen);
    CHECK(parameters == size.parameters);
    if (&size != kSizes) continue;
    const Json want = selfsup::testing::load_json("paramwise_mae_vit_base");
    const auto made = groups(model.store, tree);
    REQUIRE(made.size() == 2);
    size_t grouped = 0;
    for (const train::ParamGroup& group : made) {
      CHECK(group.settings.lr == 0.0024);
      CHECK(group.settings.extras.as_object().empty());
      const bool decays = group.settings.weight_decay != 0;
      if (decays) CHECK(group.settings.weight_decay == 0.05);
      std::set<std::string> names, wanted;
      for (const model::Entry* entry : group.entries) names.insert(entry->name);
      for (const Json& name : want.get(decays ? "decay" : "no_decay").as_array()) wanted.insert(name.as_string());
      CHECK(names == wanted);
      grouped += names.size();
    }
    CHECK(grouped == want.get("optimizer_parameter_order").as_array().size());
  }
}
