#include "shipped.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "config/files.h"
#include "config/host_schema.h"
#include "config/layers.h"
#include "config/schema.h"
#include "fixture.h"
#include "run/component_schemas.h"
#include "run/facts.h"
#include "ssp/entry.h"
#include "train/schedules/schedules.h"

namespace selfsup::testing {
namespace {

const std::filesystem::path kFolder = SELFSUP_SOURCE_DIR "/configs/selfsup";
constexpr int64_t kImages = 1281167;  // of ImageNet-1k

train::Schedules schedules(const Json& tree, int64_t epoch) {
  const int64_t epochs = tree.at_path("train_cfg.max_epochs")->as_int();
  return {*tree.find("param_scheduler"), {epoch, epoch * epochs, epochs}};
}

}  // namespace

Json shipped_config(const std::string& name) {
  plugin::Registry& plugins = registry();
  const Json file = config::load_config(kFolder / (name + ".json"));
  for (const Json& plugin : file.get("plugins").as_array())
    plugins.load(SELFSUP_BINARY_DIR "/lib/selfsup/plugins/" + plugin.as_string());
  const plugin::Component& algorithm = plugins.find(SSP_KIND_ALGORITHM, file.at_path("model.type")->as_string());
  Json tree = config::merge(bridge::algorithm_defaults(algorithm, run::stated_facts(file, {})), file);
  config::throw_if_any(config::validate(tree, config::host_schema(), "", run::component_schemas(plugins)));
  return tree;
}

Json model_of(const Json& tree) {
  Json model = tree.get("model");
  model.erase("data_preprocessor");  // the run's
  return model;
}

std::vector<std::string> shipped_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kFolder)) {
    const std::filesystem::path path = std::filesystem::relative(entry.path(), kFolder);
    if (entry.is_regular_file() && *path.begin() != "_base_") names.push_back(path.parent_path() / path.stem());
  }
  return names;
}

void check_values(const Json& tree, const std::vector<Row>& rows) {
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

void check_rates(const Json& tree, int64_t images_of_a_step, const std::vector<Rate>& rates) {
  train::Schedules schedule = schedules(tree, (kImages + images_of_a_step - 1) / images_of_a_step);
  const double base = tree.at_path("optim_wrapper.optimizer.lr")->as_double();
  CHECK(schedule.unfinished_rise(base).empty());
  for (const Rate& rate : rates) {
    INFO("iteration " << rate.iteration);
    CHECK(std::abs(schedule.value(train::Quantity::lr, base, rate.iteration) - rate.lr) <=
          5e-9 * rate.lr + 1e-12 * base);
  }
}

void check_recorded_rates(const std::string& name) {
  int compared = 0;
  const Json tree = shipped_config(name);
  const double base = tree.at_path("optim_wrapper.optimizer.lr")->as_double();
  for (const std::string& stem : family("lr_schedules", ".json")) {
    const Json file = load_json(stem);
    for (const Json& recorded : file.get("configs").as_array()) {
      if (recorded.get("config").as_string() != name) continue;
      INFO(recorded.get("name").as_string());
      ++compared;
      CHECK(base == recorded.get("base_lr").as_double());
      CHECK(tree.at_path("train_cfg.max_epochs")->as_int() == recorded.get("max_epochs").as_int());
      train::Schedules schedule = schedules(tree, recorded.get("epoch_length").as_int());
      const auto &iterations = recorded.get("iteration").as_array(), &rates = recorded.get("lr").as_array();
      double worst = 0;
      for (size_t i = 0; i < rates.size(); ++i)
        worst = std::max(
            worst, std::abs(schedule.value(train::Quantity::lr, base, iterations[i].as_int()) - rates[i].as_double()));
      CHECK(worst <= 1e-10 * base);
    }
  }
  CHECK(compared > 0);
}

std::vector<train::ParamGroup> groups_of(model::ParameterStore& store, const Json& tree) {
  const Json& optimizer = *tree.at_path("optim_wrapper.optimizer");
  return train::group_parameters(store.trained(), train::ParamRules(*tree.at_path("optim_wrapper.paramwise_cfg")),
                                 optimizer.get("lr").as_double(), optimizer.get("weight_decay").as_double());
}

const std::vector<Row> kRuntimeValues = {
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

}  // namespace selfsup::testing
