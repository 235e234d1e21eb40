// SPDX-License-Identifier: Apache-2.0
// Momentum contrast on the C++ layer, as a plugin's author would write it: two views, a student trained by InfoNCE, a
// teacher that follows it, a queue of the teacher's keys. tests/scripts/momentum_test.sh trains it.
#include <ssp/cpp/plugin.hpp>

#include <algorithm>
#include <cstring>

using namespace ssp;

namespace {

// Makes a picture brighter or darker, and leaves the factor as the field "gain".
class RandomGain {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "strength": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.4}
      }
    })";
  }
  explicit RandomGain(const Scope& s) : strength_(s.get("strength", 0.4)) {}
  void apply(Sample& sample) const {
    const double gain = sample.uniform(1 - strength_, 1 + strength_);
    for (uint32_t i = 0; i < sample.count(); ++i) {
      const Image image = sample.image(i);
      for (int64_t y = 0; y < image.height(); ++y)
        for (int64_t x = 0; x < image.width() * image.channels(); ++x)
          image.row(y)[x] = static_cast<uint8_t>(std::min(255.0, gain * image.row(y)[x]));
    }
    sample.set_field("gain", std::vector<double>{gain}, {});
  }

 private:
  double strength_;
};

// Backbone and projection below one scope: the student's, and the teacher's once more. Gives unit vectors [B, dim].
class Network {
 public:
  explicit Network(const Scope& s)
      : body_(s.child("backbone")),
        hidden_(s / "neck" / "hidden", body_channels(s.fact("image_size").value_or(32)), s.get("dim", 16)),
        norm_(s / "neck" / "bn", s.get("dim", 16)),
        out_(s / "neck" / "out", s.get("dim", 16), s.get("dim", 16)) {}
  Tensor operator()(const Tensor& images, const Call& call) const {
    const Tensor z = out_(relu(norm_(hidden_(body_(images, call)), call)));
    AutocastOff fp32(call);
    return normalize(z.to(f32), 1);
  }

 private:
  int64_t body_channels(int64_t image_size) const {
    const LayerInfo main = body_.main_layer(image_size, image_size);
    require(main.shape == SSP_SHAPE_VECTOR, "`backbone`: its main layer must be a vector");
    return main.channels;
  }
  Backbone body_;
  nn::Linear hidden_;
  nn::BatchNorm norm_;
  nn::Linear out_;
};

class MomentumContrast {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "backbone": {"type": "object", "x-ssp-component": "ssp.backbone/0"},
        "dim": {"type": "integer", "minimum": 1, "default": 16, "description": "Width of the projection."},
        "queue_len": {"type": "integer", "minimum": 1, "default": 4096, "description": "Keys that are kept."},
        "momentum": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.999},
        "temperature": {"type": "number", "exclusiveMinimum": 0, "default": 0.2}
      },
      "required": ["backbone"]
    })";
  }
  static std::string defaults(const Facts& facts) {
    using json::array;
    using json::object;
    const int64_t size = facts.get("image_size").value_or(32);
    const auto arch = object({{"embed_dims", 16}, {"num_layers", 2}, {"num_heads", 2}, {"feedforward_channels", 32}});
    const auto backbone = object({{"type", "VisionTransformer"},
                                  {"arch", arch},
                                  {"img_size", size},
                                  {"patch_size", std::max<int64_t>(1, size / 4)},
                                  {"drop_path_rate", 0.2}});
    const auto view = array({object({{"type", "RandomCrop"}, {"size", size}, {"padding", 2}}),
                             object({{"type", "RandomFlip"}, {"prob", 0.5}}), object({{"type", "RandomGain"}})});
    const auto views = object({{"type", "MultiView"}, {"num_views", 2}, {"transforms", array({view})}});
    return object({{"model", object({{"type", "MomentumContrast"}, {"backbone", backbone}})},
                   {"data_preprocessor", object({{"mean", array({127.5})}, {"std", array({127.5})}})},
                   {"train_dataloader", object({{"batch_size", 64}, {"pipeline", array({views})}})},
                   {"optim_wrapper", object({{"optimizer", object({{"type", "AdamW"}, {"lr", 1e-3}})}})}})
        .text();
  }

  explicit MomentumContrast(const Scope& s)
      : momentum_(s.get("momentum", 0.999)),
        temperature_(s.get("temperature", 0.2)),
        student_(s),
        teacher_(s.child(ChildSpec("teacher", "", SSP_SCOPE_FROZEN))),
        ema_(s, {"backbone", "neck"}, "teacher"),
        queue_(s.buffer("queue", {s.get("queue_len", 4096), s.get("dim", 16)}, Init::normal(0, 1))) {
    require(s.get("queue_len", 4096) >= s.fact("global_batch").value_or(1), "`queue_len` must hold a batch");
  }

  Outputs training_step(const Batch& batch, const Call& call) {
    const Tensor query = student_(batch.view(0), call.rows({0}, "query"));
    Tensor key;
    {
      NoGrad guard(call);
      key = teacher_(batch.view(1), call.rows({1}, "key", Rows::cat, SSP_MODE_EVAL));
    }
    AutocastOff fp32(call);
    const Tensor positive = (query * key).sum(1, true);
    const Tensor negative = matmul(query, queue_.clone().t());  // backward wants the queue as it is now
    const Tensor logits = cat({positive, negative}, 1) / temperature_;
    const Tensor loss = cross_entropy(logits, zeros({batch.size()}, logits, i64));
    enqueue(dist::all_gather(call, key), call);
    const Tensor gap = (batch.field("gain", 0) - batch.field("gain", 1)).abs().mean();
    return {{"loss", loss}, {"gain_gap", gap, SSP_EMIT_METRIC}};
  }

  Outputs features(const Tensor& images, const Call& call, const Names& names) const {
    Outputs out;
    for (const std::string& name : names.among({"query", "key"}))
      out.push_back({name, (name == "query" ? student_ : teacher_)(images, call)});
    return out;
  }

  void on_event(const Call& call, const Event& event) {
    if (event.kind == SSP_EVENT_UPDATED) ema_.move(call, momentum_);
    if (event.kind != SSP_EVENT_READY || call.info().origin == SSP_ORIGIN_RESUMED) return;
    ema_.copy(call);
    queue_.copy_(normalize(queue_, 1));
  }

  // The queue is a buffer; where its oldest key is, is known here only.
  std::string save_state(uint32_t scope) const {
    if (scope == SSP_STATE_RANK) return {};
    return {reinterpret_cast<const char*>(&oldest_), sizeof oldest_};
  }
  void load_state(uint32_t, std::string_view bytes) {
    require(bytes.size() == sizeof oldest_, "the saved place in the queue is damaged");
    std::memcpy(&oldest_, bytes.data(), sizeof oldest_);
  }

 private:
  // The newest keys take the places of the oldest, round and round.
  void enqueue(const Tensor& keys, const Call& call) {
    NoGrad guard(call);
    const int64_t length = queue_.size(0), n = keys.size(0);
    index_copy_(queue_, 0, remainder(arange(oldest_, oldest_ + n, keys), length), keys);
    oldest_ = (oldest_ + n) % length;
  }

  double momentum_, temperature_;
  Network student_, teacher_;
  Ema ema_;
  Tensor queue_;
  int64_t oldest_ = 0;
};

}  // namespace

SSP_PLUGIN(algorithm<MomentumContrast>("MomentumContrast"), transform<RandomGain>("RandomGain"));
