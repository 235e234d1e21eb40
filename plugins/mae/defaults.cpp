// What a run gets where its configuration says nothing: model, pipeline, optimizer and schedule that fit the images.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mae.hpp"
#include "ssp/cpp/recipe.hpp"

using namespace ssp;
using json::array;
using json::object;
using json::Value;

namespace {

// Sizes of model and training for one kind of images.
struct Recipe {
  int64_t image, patch;  // sides; the patch that is wanted
  Value arch;
  double mask_ratio;
  int64_t decoder_dim, decoder_depth, decoder_heads;
  int64_t batch;
  double warm_up;  // share of the run
  int64_t epochs;
  bool photos;  // crops of varying scale, and the learning rate by the batch
};

// Up to 28 pixels: four patches a side, as measured on Fashion-MNIST (1,500 steps of 256 in a minute and a half on two
// cores). Below 96: eight a side, ViT-tiny. From 96 on, or unknown: the paper's ViT-B/16.
Recipe recipe_for(int64_t image) {
  if (image <= 28) {
    const int64_t patch = std::max<int64_t>(2, (image + 2) / 4);
    const Value arch = object({{"embed_dims", 96}, {"num_layers", 3}, {"num_heads", 4}, {"feedforward_channels", 384}});
    // At least two patches a side: the smallest images are padded.
    return {std::max<int64_t>(image / patch, 2) * patch, patch, arch, 0.6, 48, 1, 4, 256, 0.05, 20, false};
  }
  if (image < 96) {
    const int64_t patch = (image + 4) / 8;
    return {image / patch * patch, patch, "tiny", 0.75, 96, 2, 4, 256, 0.05, 100, false};
  }
  const int64_t size = std::min<int64_t>(224, image / 16 * 16);
  return {size, 16, "base", 0.75, 512, 8, 16, 64, 0.1, 400, true};
}

// The side of a patch for images that the user's pipeline gives: of those that divide both sides the nearest to the
// wanted one, within a factor of two and with four patches or more. Where there is none, the wanted one: the backbone
// says what does not fit.
int64_t fitted_patch(int64_t wanted, int64_t height, int64_t width) {
  const int64_t both = std::gcd(height, width);
  int64_t best = 0;
  const auto ratio = [&](int64_t patch) {
    return static_cast<double>(std::max(patch, wanted)) / static_cast<double>(std::min(patch, wanted));
  };
  for (int64_t patch = 1; patch <= std::min(both, 2 * wanted); ++patch) {
    if (both % patch != 0 || ratio(patch) > 2 || height / patch * (width / patch) < 4) continue;
    if (best == 0 || ratio(patch) < ratio(best)) best = patch;
  }
  return best > 0 ? best : wanted;
}

Value pipeline(const Recipe& r) {
  const Value flip = object({{"type", "RandomFlip"}, {"prob", 0.5}});
  if (!r.photos) {
    const Value crop = object({{"type", "RandomCrop"}, {"size", r.image}, {"padding", 2}});
    return array({crop, flip});
  }
  const Value crop = object(
      {{"type", "RandomResizedCrop"}, {"size", r.image}, {"scale", array({0.2, 1.0})}, {"interpolation", "bicubic"}});
  return array({crop, flip});
}

// MMSelfSup's list: nothing one-dimensional, no position and no token decays.
Value no_decay_keys() {
  const Value none = object({{"decay_mult", 0.0}});
  return object({{"ln", none}, {"bias", none}, {"pos_embed", none}, {"mask_token", none}, {"cls_token", none}});
}

}  // namespace

std::string Mae::defaults(const Facts& facts) {
  const int64_t channels = facts.get("channels").value_or(3);
  // What the user's pipeline gives is what the model is for; where none is stated, the pipeline is fitted too.
  const auto stated = facts.get<std::vector<int64_t>>("view_sizes");
  const Recipe r =
      recipe_for(stated ? std::llround(std::sqrt((*stated)[0] * (*stated)[1])) : facts.get("image_size").value_or(224));
  const int64_t batch = facts.get("batch_size").value_or(r.batch);
  const int64_t step = batch * facts.get("world").value_or(1) * facts.get("micros").value_or(1);  // images of an update
  // 1.5e-4 for each 256 images of a step (MMSelfSup); small images: as measured at a batch of 256.
  const double lr = r.photos ? 1.5e-4 * static_cast<double>(step) / 256 : 2e-3;
  const auto iterations = facts.get("max_iters"), epochs = facts.get("max_epochs");
  const bool by_epoch = epochs || !iterations;
  const int64_t length = by_epoch ? epochs.value_or(r.epochs) : *iterations;

  // The size of the images is left to the pipeline, so that the two cannot differ.
  const int64_t patch = stated ? fitted_patch(r.patch, (*stated)[0], (*stated)[1]) : r.patch;
  const Value model = object({{"type", "MAE"},
                              {"backbone", object({{"type", "MAEViT"},
                                                   {"arch", r.arch},
                                                   {"patch_size", patch},
                                                   {"in_channels", channels},
                                                   {"mask_ratio", r.mask_ratio}})},
                              {"neck", object({{"type", "MAEPretrainDecoder"},
                                               {"decoder_embed_dim", r.decoder_dim},
                                               {"decoder_depth", r.decoder_depth},
                                               {"decoder_num_heads", r.decoder_heads}})},
                              {"head", object({{"type", "MAEPretrainHead"},
                                               {"norm_pix", true},
                                               {"loss", object({{"type", "MAEReconstructionLoss"}})}})}});
  const Value optimizer =
      object({{"type", "AdamW"}, {"lr", lr}, {"betas", array({0.9, 0.95})}, {"weight_decay", 0.05}});

  return object({{"model", model},
                 {"data_preprocessor", recipe::normalisation(channels)},
                 {"train_dataloader", object({{"batch_size", batch}, {"pipeline", pipeline(r)}})},
                 {"optim_wrapper", object({{"type", "OptimWrapper"},
                                           {"optimizer", optimizer},
                                           {"paramwise_cfg", object({{"custom_keys", no_decay_keys()}})}})},
                 {"param_scheduler", recipe::warm_up_and_cosine(length, r.warm_up, by_epoch)},
                 {"train_cfg", object({{by_epoch ? "max_epochs" : "max_iters", length}})},
                 {"auto_scale_lr", object({{"base_batch_size", r.photos ? step : r.batch}})}})
      .text();
}
