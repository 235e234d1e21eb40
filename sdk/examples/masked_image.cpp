// SPDX-License-Identifier: Apache-2.0
// Masked image modelling, SimMIM's way (Xie et al. 2022): the pipeline draws the mask, a backbone puts a trained token
// where the mask says, the hidden pixels are predicted, and the picture shows the mask that the step had.
#include <ssp/cpp/plugin.hpp>

using namespace ssp;

namespace {

// Leaves the field "mask", bool [grid, grid], true where the patch is hidden: a fixed number of cells, any of them.
class RandomMask {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "grid": {"type": "integer", "minimum": 1, "maximum": 1024, "default": 4, "description": "Cells of a side."},
        "ratio": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.6, "description": "Share that is hidden."}
      }
    })";
  }
  explicit RandomMask(const Scope& s)
      : grid_(s.get("grid", 4)),
        hidden_(std::max<int64_t>(1, static_cast<int64_t>(s.get("ratio", 0.6) * static_cast<double>(grid_ * grid_)))) {}
  void apply(Sample& sample) const {
    const int64_t cells = grid_ * grid_;
    std::vector<int64_t> order(static_cast<size_t>(cells));
    for (int64_t i = 0; i < cells; ++i) order[static_cast<size_t>(i)] = i;
    std::vector<bool> mask(static_cast<size_t>(cells), false);
    for (int64_t i = 0; i < hidden_; ++i) {  // the first cells of a shuffle
      const int64_t j = i + static_cast<int64_t>(sample.uniform() * static_cast<double>(cells - i));
      std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
      mask[static_cast<size_t>(order[static_cast<size_t>(i)])] = true;
    }
    sample.set_field("mask", mask, {grid_, grid_});
  }

 private:
  int64_t grid_, hidden_;
};

// [B, …, grid, grid] -> each cell as patch by patch pixels.
Tensor enlarge(const Tensor& grid, int64_t patch) {
  return repeat_interleave(repeat_interleave(grid, patch, -1), patch, -2);
}

// A small convolutional network over patches, that takes a mask.
class MaskedPatches {
 public:
  static constexpr bool takes_mask = true;
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "patch_size": {"type": "integer", "minimum": 1, "default": 8},
        "dim": {"type": "integer", "minimum": 1, "default": 32}
      }
    })";
  }
  explicit MaskedPatches(const Scope& s)
      : patch_(s.get("patch_size", 8)),
        dim_(s.get("dim", 32)),
        embed_(s / "embed", s.fact("channels").value_or(3), dim_, patch_, patch_),
        token_(s.parameter("mask_token", {1, dim_, 1, 1}, Init::normal(0, 0.02), SSP_ROLE_TOKEN)),
        mix_(s / "mix", dim_, dim_, 3, 1, 1),
        last_(s / "last", dim_, dim_, 3, 1, 1) {}
  std::vector<LayerInfo> layers(int64_t h, int64_t w) const {
    return {{"patches", SSP_SHAPE_MAP, dim_, h / patch_, w / patch_},
            {"map", SSP_SHAPE_MAP, dim_, h / patch_, w / patch_, 0, true}};
  }
  Outputs forward(const ForwardInput& in, const Call&) const {
    Outputs out;
    Tensor x = embed_(in.images);
    if (in.mask) {
      const Tensor hidden = in.mask.to(x.dtype()).unsqueeze(1);
      x = x * (1 - hidden) + token_.to(x.dtype()) * hidden;
    }
    if (in.wants("patches")) out.push_back({"patches", x});
    if (in.wants("map")) out.push_back({"map", last_(gelu(x + mix_(gelu(x))))});
    return out;
  }

 private:
  int64_t patch_, dim_;
  nn::Conv2d embed_;
  Tensor token_;
  nn::Conv2d mix_, last_;
};

class MaskedImage {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "backbone": {"type": "object", "x-ssp-component": "ssp.backbone/0"}
      },
      "required": ["backbone"]
    })";
  }
  static std::string defaults(const Facts&) {
    return R"({
      "model": {"type": "MaskedImage", "backbone": {"type": "MaskedPatches"}},
      "data_preprocessor": {"mean": [127.5], "std": [127.5]},
      "train_dataloader": {"batch_size": 16, "pipeline": [{"type": "RandomFlip", "prob": 0.5}, {"type": "RandomMask"}]},
      "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": 0.002}}
    })";
  }
  explicit MaskedImage(const Scope& s) : backbone_(s.child("backbone")) {
    const int64_t size = s.fact("image_size").value_or(32);
    const LayerInfo map = backbone_.main_layer(size, size);
    require(map.shape == SSP_SHAPE_MAP && map.height > 0, "`backbone`: its main layer must be a map");
    patch_ = size / map.height;
    predict_.emplace(s / "head", map.channels, s.fact("channels").value_or(3) * patch_ * patch_, 1);
  }

  Outputs training_step(const Batch& batch, const Call& call) const {
    const auto [images, mask, rebuilt] = run(batch, call);
    AutocastOff fp32(call);
    const Tensor hidden = mask.to(f32);
    const Tensor gap = (rebuilt.to(f32) - images).abs().mean({1}) * hidden;
    return {{"loss", gap.sum() / hidden.sum()}, {"hidden", hidden.mean(), SSP_EMIT_METRIC}};
  }
  Outputs reconstruct(const Batch& batch, const Call& call) const {
    const auto [images, mask, rebuilt] = run(batch, call);
    const Tensor hidden = mask.to(f32).unsqueeze(1);
    return {{"original", images}, {"masked", images * (1 - hidden)}, {"rebuilt", rebuilt.to(f32)}};
  }
  Outputs features(const Tensor& images, const Call& call, const Names& names) const {
    return {{names.among({"mean"}).front(), backbone_(images, call).to(f32).mean({2, 3})}};
  }

 private:
  struct Step {
    Tensor images, mask, rebuilt;  // mask: bool [B, H, W]
  };
  Step run(const Batch& batch, const Call& call) const {
    const Tensor images = batch.view(0), mask = batch.field("mask");
    if (!mask) throw Error(SSP_E_CONFIG, "the pipeline sets no field \"mask\"; add the transform RandomMask");
    require(mask.size(1) * patch_ == images.size(2),
            "RandomMask: `grid` must be the cells of a side, " + std::to_string(images.size(2) / patch_));
    return {images, enlarge(mask, patch_), pixel_shuffle((*predict_)(backbone_(images, call, mask)), patch_)};
  }
  Backbone backbone_;
  int64_t patch_ = 0;
  std::optional<nn::Conv2d> predict_;
};

}  // namespace

SSP_PLUGIN(algorithm<MaskedImage>("MaskedImage"), backbone<MaskedPatches>("MaskedPatches"),
           transform<RandomMask>("RandomMask"));
