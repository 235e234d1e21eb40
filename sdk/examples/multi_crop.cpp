// SPDX-License-Identifier: Apache-2.0
// Self-distillation, DINO's way (Caron et al. 2021): a number of crops of two sizes that the pipeline decides; the
// student sees all of them, its momentum teacher the large ones; the teacher's outputs are centred by a running mean.
#include <ssp/cpp/plugin.hpp>

using namespace ssp;

namespace {

// Backbone, two layers, unit vectors, prototypes of unit length: logits [N, out].
class Network {
 public:
  explicit Network(const Scope& s)
      : body_(s.child("backbone")),
        hidden_(s / "head" / "hidden", channels(s), s.get("hidden", 32)),
        bottleneck_(s / "head" / "bottleneck", s.get("hidden", 32), s.get("bottleneck", 16)),
        direction_(
            s.parameter("head.last.weight_v", {s.get("out", 64), s.get("bottleneck", 16)}, Init::torch_default())),
        length_(s.frozen("head.last.weight_g", {s.get("out", 64), 1}, Init::ones())) {}
  Tensor operator()(const Tensor& images, const Call& call) const {
    const Tensor z = bottleneck_(gelu(hidden_(body_(images, call))));
    AutocastOff fp32(call);
    return linear(normalize(z.to(f32), 1), weight_norm(direction_, length_));
  }
  Tensor body(const Tensor& images, const Call& call) const { return body_(images, call); }

 private:
  int64_t channels(const Scope& s) const {
    const auto sizes = s.fact<std::vector<int64_t>>("view_sizes").value_or(std::vector<int64_t>{16, 16});
    return body_.main_layer(sizes[0], sizes[1]).channels;
  }
  Backbone body_;
  nn::Linear hidden_, bottleneck_;
  Tensor direction_, length_;
};

class MultiCrop {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "backbone": {"type": "object", "x-ssp-component": "ssp.backbone/0"},
        "hidden": {"type": "integer", "minimum": 1, "default": 32},
        "bottleneck": {"type": "integer", "minimum": 1, "default": 16},
        "out": {"type": "integer", "minimum": 2, "default": 64},
        "momentum": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.9},
        "centre_momentum": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.9},
        "teacher_temperature": {"type": "number", "exclusiveMinimum": 0, "default": 0.04},
        "student_temperature": {"type": "number", "exclusiveMinimum": 0, "default": 0.1}
      },
      "required": ["backbone"]
    })";
  }
  static std::string defaults(const Facts&) {
    return R"({
      "model": {
        "type": "MultiCrop",
        "backbone": {
          "type": "VisionTransformer", "img_size": 16, "patch_size": 4, "drop_path_rate": 0.1,
          "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 32}
        }
      },
      "data_preprocessor": {"mean": [127.5], "std": [127.5]},
      "train_dataloader": {
        "batch_size": 8,
        "pipeline": [{
          "type": "MultiView", "num_views": [2, 3],
          "transforms": [
            [{"type": "RandomResizedCrop", "size": 16, "scale": [0.4, 1.0]}, {"type": "RandomFlip", "prob": 0.5}],
            [{"type": "RandomResizedCrop", "size": 8, "scale": [0.1, 0.4]}, {"type": "RandomFlip", "prob": 0.5}]
          ]
        }]
      },
      "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": 0.001}, "clip_grad": {"max_norm": 3.0}}
    })";
  }

  explicit MultiCrop(const Scope& s)
      : momentum_(s.get("momentum", 0.9)),
        centre_momentum_(s.get("centre_momentum", 0.9)),
        teacher_temperature_(s.get("teacher_temperature", 0.04)),
        student_temperature_(s.get("student_temperature", 0.1)),
        student_(s),
        teacher_(s.child(ChildSpec("teacher", "", SSP_SCOPE_FROZEN))),
        ema_(s, {"backbone", "head"}, "teacher"),
        centre_(s.buffer("centre", {1, s.get("out", 64)}, Init::zeros())) {
    require(s.fact("views").value_or(2) >= 2, "the pipeline must give two large views at least (MultiView)");
  }

  Outputs training_step(const Batch& batch, const Call& call) const {
    const std::vector<Group> groups = by_size(batch);
    std::vector<Tensor> student;  // of each view
    for (const Group& group : groups) {
      const Tensor logits = student_(group.images, call.rows(group.views, "student." + std::to_string(group.size)));
      for (const Tensor& part : split(logits, batch.size())) student.push_back(part);
    }
    std::vector<Tensor> teacher;
    {
      NoGrad guard(call);
      const Group& large = groups.front();
      const Tensor logits = teacher_(large.images, call.rows(large.views, "teacher", Rows::cat, SSP_MODE_EVAL));
      for (const Tensor& part : split(((logits - centre_) / teacher_temperature_).softmax(1), batch.size()))
        teacher.push_back(part);
      centre_.lerp_(dist::all_reduce(call, logits.mean(0, true), dist::Reduce::avg), 1 - centre_momentum_);
    }
    AutocastOff fp32(call);
    Tensor loss = zeros({}, student.front());
    int64_t terms = 0;
    for (size_t t = 0; t < teacher.size(); ++t) {
      for (size_t v = 0; v < student.size(); ++v) {
        if (v == t) continue;
        loss = loss - (teacher[t] * log_softmax(student[v] / student_temperature_, 1)).sum(1).mean();
        ++terms;
      }
    }
    return {{"loss", loss / terms}, {"terms", terms}, {"centre", centre_.clone().norm(), SSP_EMIT_METRIC}};
  }

  Outputs features(const Tensor& images, const Call& call, const Names& names) const {
    return {{names.among({"teacher"}).front(), teacher_.body(images, call).to(f32)}};
  }

  void on_event(const Call& call, const Event& event) const {
    if (event.kind == SSP_EVENT_UPDATED) ema_.move(call, momentum_);
    if (event.kind == SSP_EVENT_READY && call.info().origin != SSP_ORIGIN_RESUMED) ema_.copy(call);
  }

 private:
  struct Group {
    int64_t size;
    std::vector<uint32_t> views;
    Tensor images;  // cat of these views
  };
  // Views of one size make one forward. The first group is that of the large ones.
  static std::vector<Group> by_size(const Batch& batch) {
    std::vector<Group> groups;
    std::vector<Tensor> run;
    for (uint32_t v = 0; v < batch.views(); ++v) {
      const Tensor view = batch.view(v);
      if (groups.empty() || groups.back().size != view.size(2)) {
        groups.push_back({view.size(2), {}, {}});
        run.clear();
      }
      run.push_back(view);
      groups.back().views.push_back(v);
      groups.back().images = cat(run, 0);
    }
    return groups;
  }

  double momentum_, centre_momentum_, teacher_temperature_, student_temperature_;
  Network student_, teacher_;
  Ema ema_;
  Tensor centre_;
};

}  // namespace

SSP_PLUGIN(algorithm<MultiCrop>("MultiCrop"));
