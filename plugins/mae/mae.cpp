#include "mae.hpp"

#include <unordered_set>

#include "ssp/cpp/modes.hpp"

using namespace ssp;

namespace {

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// As MMSelfSup: every linear layer Xavier-uniform with bias 0. The MLPs of the blocks keep their own values, since
// there they initialise themselves last.
void init_linears(const Scope& scope) {
  const std::vector<NamedParameter> all = scope.list("", SSP_PARAM);
  std::unordered_set<std::string> names;
  for (const NamedParameter& p : all) names.insert(p.name);
  for (const NamedParameter& p : all) {
    if (p.tensor.dim() != 2 || !ends_with(p.name, ".weight")) continue;
    if (p.name.find("ffn.") != std::string::npos) continue;
    scope.reinit(p.name, Init::xavier_uniform());
    const std::string bias = p.name.substr(0, p.name.size() - std::strlen("weight")) + "bias";
    if (names.count(bias)) scope.reinit(bias, Init::zeros());
  }
}

void check_size(int64_t height, int64_t width, int64_t built_height, int64_t built_width) {
  const auto sides = [](int64_t h, int64_t w) { return std::to_string(h) + " x " + std::to_string(w); };
  require(height == built_height && width == built_width,
          "the images are " + sides(height, width) + " pixels (height x width), but the model is built for " +
              sides(built_height, built_width) +
              "; make `train_dataloader.pipeline` and `model.backbone.img_size` equal, or leave img_size out");
}

TokensBackbone create_encoder(const Scope& scope) {
  const Scope child = scope.child("backbone");
  TokensBackbone encoder(child);
  init_linears(child);
  return encoder;
}

// Height and width of the images: those of the backbone if it states them, else what the pipeline gives.
std::vector<int64_t> image_size(const Scope& scope) {
  const auto stated = scope.find<std::vector<int64_t>>("backbone.img_size");
  const auto given = scope.fact<std::vector<int64_t>>("view_sizes");
  const int64_t side = scope.fact("image_size").value_or(224);
  std::vector<int64_t> size = stated ? *stated : given ? *given : std::vector<int64_t>{side, side};
  if (size.size() == 1) size.push_back(size[0]);
  if (stated && given) check_size((*given)[0], (*given)[1], size[0], size[1]);
  return size;
}

}  // namespace

Mae::Mae(const Scope& scope)
    : encoder_(create_encoder(scope)),
      height_(image_size(scope)[0]),
      width_(image_size(scope)[1]),
      patches_(encoder_.info(height_, width_)),
      decoder_(scope, encoder_.info(height_, width_), patches_),
      keep_(visible_patches(patches_.count(), scope.get("backbone.mask_ratio", 0.75))),
      norm_pix_(scope.get("head.norm_pix", false)),
      patchwise_((encoder_.info(height_, width_).flags & SSP_TOKENS_PATCHWISE) != 0) {
  init_linears(scope.child(ChildSpec("neck", "")));
  const ssp_token_info e = encoder_.info(height_, width_);
  const int64_t stated = scope.get("head.patch_size", e.patch_h);
  require(stated == e.patch_h, "`head.patch_size` is " + std::to_string(stated) + ", but `backbone.patch_size` is " +
                                   std::to_string(e.patch_h) + "; make them equal or leave the key out");
  require(!norm_pix_ || patches_.pixels() > 1,
          "`head.norm_pix` needs patches of more than one number; `backbone.patch_size` is 1 and the images have one "
          "channel");
  for (const NamedParameter& p : scope.list("", SSP_PARAM | SSP_PARAM_FROZEN)) tensor_names_.push_back(p.name);
  require(keep_ > 0 && keep_ < patches_.count(), "`backbone.mask_ratio` leaves " + std::to_string(keep_) + " of " +
                                                     std::to_string(patches_.count()) +
                                                     " patches visible; at least one must stay and one must be hidden");
}

void Mae::check_images(const Tensor& images) const {
  const auto [B, C, H, W] = images.sizes<4>();
  check_size(H, W, height_, width_);
  require(C == patches_.channels(), "the images have channels: " + std::to_string(C) +
                                        ", but the backbone's input (`backbone.in_channels`) has " +
                                        std::to_string(patches_.channels()));
}

Tensor Mae::shuffled(const Tensor& images, const Call& call) const {
  check_images(images);
  return argsort(call.per_sample_uniform("mask", patches_.count(), images.size(0)), 1);
}

Tensor Mae::encode_visible(const Tensor& images, const Tensor& patches, const Tensor& order, const Call& call) const {
  const auto encoder = encoder_.at(call, images);
  const Tensor visible = order.slice(1, 0, keep_), positions = encoder.positions().patch;
  if (!patchwise_) return encoder.encode(rows(encoder.embed(images) + positions, visible), visible);
  const Tensor strip = patches_.strip(rows(patches, visible));
  const Tensor tokens = encoder_.at(call, strip).embed(strip);
  return encoder.encode(tokens + embedding(positions[0], visible), visible);
}

Outputs Mae::training_step(const Batch& batch, const Call& call) const {
  const Tensor images = batch.view(0), order = shuffled(images, call), patches = patches_.split(images);
  const Tensor pred = decoder_(encode_visible(images, patches, order, call), order, keep_, call);
  AutocastOff fp32(call);
  const Tensor hidden = rows(patches, order.slice(1, keep_)), target = norm_pix_ ? normed(hidden) : hidden;
  // Image by image first: a sum of everything at once would depend on the number of threads.
  return {{"loss", mse_loss(pred.to(f32), target, Reduction::none).mean({1, 2}).mean()}};
}

Outputs Mae::features(const Tensor& images, const Call& call, const Names& layers) const {
  check_images(images);
  const auto encoder = encoder_.at(call, images);
  const Tensor latent = encoder.encode(encoder.embed(images) + encoder.positions().patch).to(f32);
  const ssp_token_info e = encoder.info();
  const Tensor patches = latent.slice(1, e.prefix_tokens);
  Outputs out;
  for (const std::string& name : layers.among({"mean", "cls", "pool"})) {
    if (name == "mean") {
      out.push_back({name, patches.mean(1)});
    } else if (name == "cls") {
      require(e.prefix_tokens > 0, "the feature \"cls\" needs a backbone with a class token; this one has none");
      out.push_back({name, latent.select(1, 0)});
    } else {
      const Tensor map = patches.transpose(1, 2).reshape({latent.size(0), e.out_dim, e.out_grid_h, e.out_grid_w});
      out.push_back({name, adaptive_avg_pool2d(map, {2, 2}).flatten(1)});
    }
  }
  return out;
}

Outputs Mae::reconstruct(const Batch& batch, const Call& call) const {
  const Tensor images = batch.view(0), order = shuffled(images, call);
  const Tensor patches = patches_.split(images), place = argsort(order, 1);  // of each patch in the order
  const Tensor hidden = (place >= keep_).to(f32).unsqueeze(-1);
  // A picture shows what is made of the visible patches too, so that here all are predicted.
  Tensor rebuilt = rows(decoder_(encode_visible(images, patches, order, call), order, 0, call).to(f32), place);
  if (norm_pix_) {
    const PatchStatistics own(patches);
    rebuilt = rebuilt * own.deviation + own.mean;
  }
  const char* label = norm_pix_ ? "reconstruction_with_true_mean_and_deviation" : "reconstruction";
  return {{"original", images},
          {"masked", patches_.join(patches * (1 - hidden))},
          {label, patches_.join(rebuilt)},
          {"reconstruction+visible", patches_.join(rebuilt * hidden + patches * (1 - hidden))}};
}

NamePairs Mae::names(std::string_view format) const {
  NamePairs pairs;
  if (format != "mmselfsup") return pairs;
  for (const std::string& own : tensor_names_) pairs.emplace_back(own, own);
  return pairs;
}
