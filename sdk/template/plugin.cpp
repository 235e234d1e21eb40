// SPDX-License-Identifier: Apache-2.0
// The smallest complete plugin: a denoising autoencoder that brings its own small network. Copy this folder, rename,
// replace the mathematics. It needs the SDK's headers and a C++17 compiler, nothing else.
#include <ssp/cpp/plugin.hpp>

using namespace ssp;

class DenoisingAutoencoder {
 public:
  // What the configuration's node `model` may hold. The host checks it before anything is created.
  static const char* schema() {
    return R"({
      "type": "object",
      "description": "Denoising autoencoder: rebuilds an image from a noisy copy.",
      "properties": {
        "type": {"type": "string"},
        "width": {"type": "integer", "minimum": 1, "default": 16, "description": "Channels of the hidden layers."},
        "noise": {"type": "number", "minimum": 0, "default": 0.5, "description": "Deviation of the added noise."}
      }
    })";
  }

  // What a run gets where its configuration says nothing.
  static std::string defaults(const Facts&) {
    return json::object(
               {{"model", json::object({{"type", "DenoisingAutoencoder"}})},
                {"data_preprocessor", json::object({{"mean", json::array({127.5})}, {"std", json::array({127.5})}})},
                {"train_dataloader", json::object({{"batch_size", 64}})},
                {"optim_wrapper", json::object({{"optimizer", json::object({{"type", "AdamW"}, {"lr", 1e-3}})}})}})
        .text();
  }

  // Declares parameters. Their names are what checkpoints hold: "encoder.weight", "decoder.weight", …
  explicit DenoisingAutoencoder(const Scope& scope)
      : channels_(scope.fact("channels").value_or(3)),
        noise_(scope.get("noise", 0.5)),
        encoder_(scope / "encoder", channels_, scope.get("width", 16), 3, 2, 1),
        hidden_(scope / "hidden", scope.get("width", 16), scope.get("width", 16), 3, 1, 1),
        decoder_(scope / "decoder", scope.get("width", 16), channels_, 3, 1, 1) {}

  // One step: the terms that are emitted are summed and differentiated by the host.
  Outputs training_step(const Batch& batch, const Call& call) const {
    const Tensor images = batch.view(0);  // [B, C, H, W], normalised
    // Random numbers come from the call, so that a resumed run is the same run.
    const Tensor noise = randn(images.sizes(), call.generator("noise", images), images) * noise_;
    const Tensor rebuilt = decode(encode(images + noise), images);
    AutocastOff fp32(call);  // losses in fp32, whatever the run's precision
    return {{"loss", mse_loss(rebuilt.to(f32), images)}};
  }

  // What the probe judges: [B, width]. Called in eval mode, without gradients.
  Outputs features(const Tensor& images, const Call&, const Names& asked) const {
    Outputs out;
    for (const std::string& name : asked.among({"mean"})) out.push_back({name, encode(images).to(f32).mean({2, 3})});
    return out;
  }

 private:
  Tensor encode(const Tensor& images) const { return gelu(hidden_(gelu(encoder_(images)))); }
  Tensor decode(const Tensor& code, const Tensor& like) const {
    return decoder_(upsample_nearest2d(code, {like.size(2), like.size(3)}));
  }

  int64_t channels_;
  double noise_;
  nn::Conv2d encoder_, hidden_, decoder_;
};

// The name is what a configuration calls `model.type`.
SSP_PLUGIN(algorithm<DenoisingAutoencoder>("DenoisingAutoencoder"));
