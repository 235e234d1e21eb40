// The configurations under configs/selfsup/mae against MMSelfSup's values, which stand here in full.
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "support/fixture.h"
#include "support/shipped.h"

using namespace selfsup;
using namespace selfsup::testing;

namespace {

const std::vector<Row> kMae = {
    {"model.type", R"("MAE")"},
    {"model.backbone.type", R"("MAEViT")"},
    {"model.backbone.mask_ratio", "0.75"},
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

}  // namespace

TEST_CASE("every MAE configuration has MMSelfSup's values", "[reference]") {
  std::set<std::string> names;
  for (const Size& size : kSizes) {
    for (const int epochs : kEpochs) {
      for (const bool amp : {false, true}) {
        const std::string name = mae_name(size, amp, epochs);
        names.insert(name);
        INFO(name);
        const Json tree = shipped_config(name);
        check_values(tree, kRuntimeValues);
        check_values(tree, kMae);
        const std::string end = std::to_string(epochs), period = std::to_string(epochs - 40);
        check_values(tree, {{"model.backbone.arch", size.arch},
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
  for (const std::string& name : shipped_names())
    if (name.starts_with("mae/")) CHECK(names.count(name) == 1);
}

TEST_CASE("the rates of MAE on ImageNet-1k", "[reference]") {
  check_rates(shipped_config("mae/mae_vit-base-p16_8xb512-coslr-400e_in1k"), 4096,
              {{0, 2.4e-7},
               {1, 4.31689432e-7},
               {99, 1.92172538e-5},
               {12519, 2.4e-3},
               {50000, 1.80231646e-3},
               {100000, 2.84196701e-4},
               {125199, 4.66398653e-13}});
  check_rates(shipped_config("mae/mae_vit-huge-p16_8xb512-amp-coslr-800e_in1k"), 4096, {{0, 2.4e-12}, {12519, 2.4e-3}});
}

TEST_CASE("MAE's rates are MMEngine's, iteration by iteration", "[reference]") {
  for (const char* name :
       {"mae/mae_vit-base-p16_8xb512-coslr-400e_in1k", "mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k",
        "mae/mae_vit-base-p16_8xb512-amp-coslr-800e_in1k", "mae/mae_vit-base-p16_8xb512-amp-coslr-1600e_in1k"})
    check_recorded_rates(name);
}

TEST_CASE("MAE: the groups of ViT-B, and the size of every model", "[reference]") {
  for (const Size& size : kSizes) {
    INFO(size.name);
    const Json tree = shipped_config(mae_name(size, false, 400));
    Model model(model_of(tree));
    const int64_t parameters = model.store.count(model::Kind::parameter) + model.store.count(model::Kind::frozen);
    CHECK(parameters == size.parameters);
    if (&size != kSizes) continue;
    const Json want = load_json("paramwise_mae_vit_base");
    const auto made = groups_of(model.store, tree);
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
