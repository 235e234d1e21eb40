// SPDX-License-Identifier: Apache-2.0
// Swapped assignments, SwAV's way (Caron et al. 2020): prototypes of unit length, kept so in place; a queue of features
// that joins after a while; assignments by Sinkhorn's iteration, without gradients; prototypes that do not move in the
// first updates.
#include <ssp/cpp/plugin.hpp>

using namespace ssp;

namespace {

class SwappedAssignment {
 public:
  static constexpr uint32_t caps = SSP_CAP_GRADIENTS;
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "backbone": {"type": "object", "x-ssp-component": "ssp.backbone/0"},
        "dim": {"type": "integer", "minimum": 1, "default": 16},
        "prototypes": {"type": "integer", "minimum": 2, "default": 12},
        "queue_len": {"type": "integer", "minimum": 0, "default": 16, "description": "Features of earlier batches."},
        "queue_from": {"type": "integer", "minimum": 0, "default": 4, "description": "Update from which the queue takes part."},
        "freeze_for": {"type": "integer", "minimum": 0, "default": 3, "description": "Updates in which prototypes stay."},
        "epsilon": {"type": "number", "exclusiveMinimum": 0, "default": 0.05},
        "iterations": {"type": "integer", "minimum": 1, "default": 3},
        "temperature": {"type": "number", "exclusiveMinimum": 0, "default": 0.1}
      },
      "required": ["backbone"]
    })";
  }
  static std::string defaults(const Facts&) {
    return R"({
      "model": {
        "type": "SwappedAssignment",
        "backbone": {
          "type": "VisionTransformer", "img_size": 16, "patch_size": 4,
          "arch": {"embed_dims": 16, "num_layers": 1, "num_heads": 2, "feedforward_channels": 32}
        }
      },
      "data_preprocessor": {"mean": [127.5], "std": [127.5]},
      "train_dataloader": {
        "batch_size": 8,
        "pipeline": [{
          "type": "MultiView", "num_views": 2,
          "transforms": [[{"type": "RandomResizedCrop", "size": 16}, {"type": "RandomFlip", "prob": 0.5}]]
        }]
      },
      "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9}}
    })";
  }

  explicit SwappedAssignment(const Scope& s)
      : epsilon_(s.get("epsilon", 0.05)),
        temperature_(s.get("temperature", 0.1)),
        iterations_(s.get("iterations", 3)),
        freeze_for_(s.get("freeze_for", 3)),
        queue_from_(s.get("queue_from", 4)),
        body_(s.child("backbone")),
        project_(s / "neck" / "project", channels(s), s.get("dim", 16)),
        prototypes_(s.parameter("prototypes.weight", {s.get("prototypes", 12), s.get("dim", 16)}, Init::torch_default(),
                                SSP_ROLE_NO_DECAY)),
        queue_(s.buffer("queue", {2, s.get("queue_len", 16), s.get("dim", 16)}, Init::zeros(), f32,
                        SSP_TENSOR_PER_RANK)) {}

  Outputs training_step(const Batch& batch, const Call& call) const {
    const bool queue_joins = queue_.size(1) > 0 && call.info().update >= static_cast<uint64_t>(queue_from_);
    {
      NoGrad guard(call);
      prototypes_.copy_(normalize(prototypes_, 1));
    }
    std::array<Tensor, 2> features, assigned;
    for (const int32_t v : {0, 1}) {
      const Call forward = call.rows({v}, "view." + std::to_string(v));
      const Tensor z = project_(body_(batch.view(static_cast<uint32_t>(v)), forward));
      AutocastOff fp32(call);
      features[static_cast<size_t>(v)] = normalize(z.to(f32), 1);
    }
    AutocastOff fp32(call);
    {
      NoGrad guard(call);
      for (size_t v : {0, 1}) {
        const Tensor own = queue_[static_cast<int64_t>(v)];
        const Tensor rows = queue_joins ? cat({features[v], own}, 0) : features[v];
        assigned[v] = sinkhorn(matmul(rows, prototypes_.t()), call).slice(0, 0, batch.size());
        own.copy_(cat({features[v], own}, 0).slice(0, 0, own.size(0)));  // the newest first, the oldest out
      }
    }
    Tensor loss = zeros({}, features[0]);
    for (size_t v : {0, 1}) {
      const Tensor logits = matmul(features[1 - v], prototypes_.t()) / temperature_;
      loss -= (assigned[v] * log_softmax(logits, 1)).sum(1).mean();
    }
    return {{"loss", loss / 2}, {"queue", queue_joins ? 1.0 : 0.0}};
  }

  Outputs features(const Tensor& images, const Call& call, const Names& names) const {
    return {{names.among({"main"}).front(), body_(images, call).to(f32)}};
  }

  void on_event(const Call& call, const Event& event) const {
    if (event.kind != SSP_EVENT_GRADIENTS) return;
    const bool frozen = call.info().update < static_cast<uint64_t>(freeze_for_);
    const Tensor moved = gradient(prototypes_);
    if (frozen && moved) moved.zero_();
    event.metric("frozen", frozen);
  }

 private:
  int64_t channels(const Scope& s) const {
    const int64_t size = s.fact("image_size").value_or(16);
    return body_.main_layer(size, size).channels;
  }
  // Rows of scores -> rows of assignments, each of sum 1, prototypes used alike over all ranks.
  Tensor sinkhorn(const Tensor& scores, const Call& call) const {
    Tensor q = ((scores - scores.max()) / epsilon_).exp();
    for (int64_t i = 0; i < iterations_; ++i) {
      q /= dist::all_reduce(call, q.sum(0, true), dist::Reduce::sum);
      q /= q.sum(1, true);
    }
    return q;
  }

  double epsilon_, temperature_;
  int64_t iterations_, freeze_for_, queue_from_;
  Backbone body_;
  nn::Linear project_;
  Tensor prototypes_, queue_;
};

}  // namespace

SSP_PLUGIN(algorithm<SwappedAssignment>("SwappedAssignment"));
