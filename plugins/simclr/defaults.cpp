// What a run gets where its configuration says nothing: model, views, optimizer and schedule that fit the images.
#include <algorithm>
#include <cmath>
#include <vector>

#include "simclr.hpp"
#include "ssp/cpp/recipe.hpp"

using namespace ssp;
using json::array;
using json::object;
using json::Value;

namespace {

// Below 96 pixels: a small network, as measured on synthetic shapes of 32 (1,500 steps of 128 in three minutes on two
// cores with AVX2). From 96 on, or unknown: ResNet-50 as in MMSelfSup's resnet50_8xb32-coslr-200e.
bool small(int64_t image) { return image < 96; }

Value model(int64_t image, int64_t channels) {
  const Value norm = object({{"type", "SyncBN"}});
  const Value head = object({{"type", "ContrastiveHead"}, {"temperature", small(image) ? 0.2 : 0.1}});
  if (!small(image))
    return object({{"type", "SimCLR"},
                   {"backbone", object({{"type", "ResNet"},
                                        {"depth", 50},
                                        {"in_channels", channels},
                                        {"zero_init_residual", true},
                                        {"norm_cfg", norm}})},
                   {"neck", object({{"type", "NonLinearNeck"}, {"hid_channels", 2048}, {"out_channels", 128}})},
                   {"head", head}});
  return object(
      {{"type", "SimCLR"},
       {"backbone", object({{"type", "ResNet"},
                            {"depth", 18},
                            {"in_channels", channels},
                            {"stem_channels", 16},
                            {"base_channels", 16},
                            {"stage_blocks", array({1, 1, 1, 1})},
                            {"stem", "small"},
                            {"zero_init_residual", false},
                            {"norm_cfg", norm}})},
       {"neck",
        object({{"type", "NonLinearNeck"}, {"hid_channels", 128}, {"out_channels", 64}, {"with_last_bn", false}})},
       {"head", head}});
}

// Two views of an image; grey images get no changes of colour, which they do not have.
Value pipeline(int64_t image, int64_t channels) {
  const bool colour = channels != 1;
  const double hue = small(image) ? 0.5 : 0.2, saturation = colour ? 0.8 : 0.0;
  const Value jitter = object({{"type", "ColorJitter"},
                               {"brightness", 0.8},
                               {"contrast", 0.8},
                               {"saturation", saturation},
                               {"hue", colour ? hue : 0.0}});
  std::vector<Value> view = {
      object({{"type", "RandomResizedCrop"}, {"size", image}, {"scale", array({small(image) ? 0.5 : 0.08, 1.0})}}),
      object({{"type", "RandomFlip"}, {"prob", 0.5}})};
  view.push_back(object({{"type", "RandomApply"}, {"prob", 0.8}, {"transforms", array({jitter})}}));
  if (colour)
    view.push_back(object({{"type", "RandomGrayscale"},
                           {"prob", small(image) ? 0.5 : 0.2},
                           {"channel_weights", array({0.114, 0.587, 0.2989})}}));
  if (!small(image))
    view.push_back(object({{"type", "RandomGaussianBlur"}, {"sigma_min", 0.1}, {"sigma_max", 2.0}, {"prob", 0.5}}));
  return array({object({{"type", "MultiView"}, {"num_views", 2}, {"transforms", array({array(view)})}})});
}

// MMSelfSup's: no decay of batch norm and biases, which take plain steps too.
Value optim_wrapper(int64_t image, int64_t images_of_a_step) {
  if (small(image))
    return object(
        {{"type", "OptimWrapper"}, {"optimizer", object({{"type", "AdamW"}, {"lr", 4e-3}, {"weight_decay", 1e-4}})}});
  const Value plain = object({{"decay_mult", 0.0}, {"lars_exclude", true}});
  return object({{"type", "OptimWrapper"},
                 {"optimizer", object({{"type", "LARS"},
                                       {"lr", 0.3 * static_cast<double>(images_of_a_step) / 256},
                                       {"momentum", 0.9},
                                       {"weight_decay", 1e-6}})},
                 {"paramwise_cfg",
                  object({{"custom_keys", object({{"bn", plain}, {"bias", plain}, {"downsample.1", plain}})}})}});
}

}  // namespace

std::string SimClr::defaults(const Facts& facts) {
  const int64_t channels = facts.get("channels").value_or(3);
  // What the user's pipeline gives is what the model is for; where none is stated, the pipeline is fitted too.
  const auto stated = facts.get<std::vector<int64_t>>("view_sizes");
  const int64_t side =
      stated ? std::llround(std::sqrt((*stated)[0] * (*stated)[1])) : facts.get("image_size").value_or(224);
  const int64_t image = std::min<int64_t>(224, side);
  const int64_t usual = small(image) ? 128 : 32, batch = facts.get("batch_size").value_or(usual);
  const int64_t step = batch * facts.get("world").value_or(1) * facts.get("micros").value_or(1);  // images of an update
  const auto iterations = facts.get("max_iters"), epochs = facts.get("max_epochs");
  const bool by_epoch = epochs || !iterations;
  const int64_t length = by_epoch ? epochs.value_or(200) : *iterations;
  return object({{"model", model(image, channels)},
                 {"data_preprocessor", recipe::normalisation(channels)},
                 {"train_dataloader", object({{"batch_size", batch}, {"pipeline", pipeline(image, channels)}})},
                 {"optim_wrapper", optim_wrapper(image, step)},
                 {"param_scheduler", recipe::warm_up_and_cosine(length, 0.05, by_epoch)},
                 {"train_cfg", object({{by_epoch ? "max_epochs" : "max_iters", length}})},
                 {"auto_scale_lr", object({{"base_batch_size", small(image) ? usual : step}})}})
      .text();
}
