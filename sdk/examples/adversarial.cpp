// SPDX-License-Identifier: Apache-2.0
// An adversarial term on the images and clipping of each parameter by its own size: gradients inside a step by `grad`,
// and those that wait for the optimizer in SSP_EVENT_GRADIENTS.
#include <ssp/cpp/plugin.hpp>

using namespace ssp;

namespace {

class Adversarial {
 public:
  static constexpr uint32_t caps = SSP_CAP_GRADIENTS;
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "width": {"type": "integer", "minimum": 1, "default": 16},
        "step": {"type": "number", "exclusiveMinimum": 0, "default": 0.05, "description": "Length of the step against the loss."},
        "clip": {"type": "number", "exclusiveMinimum": 0, "default": 0.02, "description": "Largest gradient, as a share of the parameter."}
      }
    })";
  }
  static std::string defaults(const Facts&) {
    return R"({
      "model": {"type": "Adversarial"},
      "data_preprocessor": {"mean": [127.5], "std": [127.5]},
      "train_dataloader": {"batch_size": 16},
      "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9}}
    })";
  }
  explicit Adversarial(const Scope& s)
      : step_(s.get("step", 0.05)),
        clip_(s.get("clip", 0.02)),
        encoder_(s / "encoder", s.fact("channels").value_or(3), s.get("width", 16), 4, 4),
        decoder_(s / "decoder", s.get("width", 16), s.fact("channels").value_or(3) * 16, 1) {
    for (const NamedParameter& p : s.list("", SSP_PARAM)) parameters_.push_back(p.tensor);
  }

  Outputs training_step(const Batch& batch, const Call& call) const {
    const Tensor images = batch.view(0), pixels = leaf(images, call), code = gelu(encoder_(pixels));
    const Tensor plain = loss(code, images, call);
    // The images, moved to where they are rebuilt worst; the move itself is no part of the graph.
    const Tensor uphill = grad({plain}, {pixels}, SSP_GRAD_RETAIN_GRAPH)[0];
    const Tensor moved = images + step_ * uphill / clamp(uphill.norm(), 1e-12);
    // The length of the code's gradient, differentiated once more.
    const Tensor slope = grad({plain}, {code}, SSP_GRAD_CREATE_GRAPH)[0];
    return {{"rebuilt", plain},
            {"adversarial", 0.5 * loss(gelu(encoder_(moved)), images, call)},
            {"smooth", 0.1 * slope.to(f32).pow(2).sum()}};
  }

  Outputs features(const Tensor& images, const Call&, const Names& names) const {
    return {{names.among({"mean"}).front(), gelu(encoder_(images)).to(f32).mean({2, 3})}};
  }

  // |gradient| <= clip |parameter|, each by itself.
  void on_event(const Call&, const Event& event) const {
    if (event.kind != SSP_EVENT_GRADIENTS) return;
    int64_t clipped = 0;
    for (const Tensor& p : parameters_) {
      Tensor g = gradient(p);
      if (!g) continue;
      const double longest = clip_ * std::max(1e-3, p.norm().item()), length = g.norm().item();
      if (length <= longest) continue;
      g *= longest / length;
      ++clipped;
    }
    event.metric("clipped", static_cast<double>(clipped));
  }

 private:
  Tensor loss(const Tensor& code, const Tensor& images, const Call& call) const {
    const Tensor rebuilt = pixel_shuffle(decoder_(code), 4);
    AutocastOff fp32(call);
    return mse_loss(rebuilt.to(f32), images);
  }
  double step_, clip_;
  nn::Conv2d encoder_, decoder_;
  std::vector<Tensor> parameters_;
};

}  // namespace

SSP_PLUGIN(algorithm<Adversarial>("Adversarial"));
