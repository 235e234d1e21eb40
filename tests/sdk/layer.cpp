// Uses every function of the C++ layer once, in plugins of every kind. Compiled and loaded, never run.
#include "layer_operators.h"

using namespace ssp;
using namespace operators;

namespace {

// A momentum teacher: scopes, twins, events, state, facts, every getter.
class Teacher {
 public:
  static constexpr uint32_t caps = SSP_CAP_GRADIENTS;
  static const char* schema() { return "{}"; }
  static std::string defaults(const Facts& facts) {
    return json::object({{"epochs", facts.get("max_epochs").value_or(1)}, {"list", json::array({1, 2.5, "x", true})}})
        .text();
  }
  explicit Teacher(const Scope& s)
      : student_(s.child("backbone")),
        teacher_(s.child(ChildSpec("teacher.backbone", "backbone", SSP_SCOPE_FROZEN, R"({"drop_path_rate": 0})"))),
        ema_(s, {"backbone"}, "teacher", Buffers::averaged),
        norm_(s.at("neck").depth(1) / "bn" / 0, 4),
        queue_(s.buffer("queue", {4, 8}, Init::normal(0, 1), f32, SSP_TENSOR_PER_RANK)),
        scale_(s.parameter("scale", {4}, Init::trunc_normal(0.02), SSP_ROLE_NO_DECAY)) {
    s.frozen("table", {2}, Init::data({1, 2}));
    s.buffer("flags", {2}, Init::data(std::vector<bool>{true, false}), boolean);
    s.parameter("k", {2, 2}, Init::kaiming_normal(0, true));
    s.parameter("u", {2, 2}, Init::uniform(-1, 1));
    s.reinit("k", Init::xavier_uniform().fans(2, 2));
    (s / "neck").mark("bn.weight", SSP_PARAM_FROZEN, SSP_ROLE_NORM);
    for (const NamedParameter& p : s.list("backbone", SSP_PARAM)) logging::debug(p.name + " below " + s.path());
    const bool flag = s.get("flag", true) && s.get<bool>("other");
    const double sum =
        s.get("momentum", 0.99) + s.get<double>("t") + static_cast<double>(s.get("n", 4) + s.get<int64_t>("m"));
    const std::string text = s.get("mode", "x") + s.get<std::string>("name");
    const auto ints = s.get<std::vector<int64_t>>("ints");
    const auto doubles = s.get("doubles", std::vector<double>{1.0});
    const auto flags = s.get<std::vector<bool>>("flags");
    require(s.length("heads") > 0 && !flags.empty(), s.json() + s.at("neck").json());
    require(flag && sum > 0 && s.fact<bool>("drop_last").value_or(true) && s.fact("world").value_or(1) > 0 &&
                !s.fact<std::string>("host_version").value_or("").empty(),
            text);
    logging::info(text + std::to_string(ints.size() + doubles.size()));
  }
  Outputs training_step(const Batch& batch, const Call& call) const {
    const Tensor x = batch.view(0);
    Tensor k;
    std::vector<uint32_t> crops(batch.views());
    for (uint32_t i = 0; i < batch.views(); ++i) crops[i] = i;
    {
      NoGrad guard(call);
      ema_.move(call, 0.99);
      k = teacher_(batch.view(batch.views() - 1), call.rows({1}, "k", Rows::interleaved));
      k = teacher_(k, call.eval("again"), x > 0);
    }
    const Tensor q = norm_(student_(x, call.rows(crops, "q")), call.foreign("q"));
    in_place(queue_, k, call);
    const Tensor penalty = gradients(q.sum(), x, call)[0].norm();
    const double value = q.sum().item() + static_cast<double>(q.to_vector<float>().size() + q.to_vector<bool>().size());
    logging::warning(std::to_string(value) + std::to_string(dist::rank(call) + dist::world(call)));
    return {{"loss", mse_loss(q * scale_, k) + penalty},
            {"size", batch.field("label").to(f32).mean(), SSP_EMIT_METRIC},
            {"queue", 0.5},
            {"rows", call.row_count(), SSP_EMIT_METRIC}};
  }
  Outputs features(const Tensor& images, const Call& call, const Names& names) const {
    std::vector<std::string> layers;
    for (const LayerInfo& info : student_.layers(images.size(2), images.size(3))) layers.push_back(info.name);
    const std::vector<Tensor> all = student_.forward(images, call, layers);
    require(student_.main_layer(32, 32).channels > 0, "channels");
    return {{names.among({"mean"}).front(), all.front()}};
  }
  Outputs reconstruct(const Batch& batch, const Call& call) const {
    Outputs out;
    const Tensor x = batch.view(0);
    for (const auto& group : {pointwise(x, x), reductions(x), matrices(x, x), frequencies(x, x), shapes(x, x),
                              indexing(x, x), layers(x, x), creation(x, call)})
      for (const Tensor& t : group) out.push_back({"t", t});
    return out;
  }
  void on_event(const Call& call, const Event& event) {
    if (event.kind == SSP_EVENT_READY && call.info().origin == SSP_ORIGIN_FRESH) ema_.copy(call);
    if (event.kind == SSP_EVENT_GRADIENTS) {
      const Tensor g = gradient(scale_);
      if (g) g.mul_(0.5);
      event.metric("norm", g.norm());
    }
    event.metric("count", static_cast<double>(count_));
    if (call.training() && !call.stop_requested()) count_ += call.row_count();
  }
  std::string save_state(uint32_t scope) const { return scope == SSP_STATE_RANK ? std::string(8, 'x') : std::string(); }
  void load_state(uint32_t, std::string_view bytes) { count_ = static_cast<int64_t>(bytes.size()); }
  NamePairs names(std::string_view format) const { return {{"scale", std::string(format)}}; }

 private:
  Backbone student_, teacher_;
  Ema ema_;
  nn::BatchNorm norm_;
  Tensor queue_, scale_;
  int64_t count_ = 0;
};

class Encoder {
 public:
  static const char* schema() { return "{}"; }
  explicit Encoder(const Scope& s) : inner_(s.child("inner")), block_(s / "block", 8, 2, 16, 1e-6, true, 0.1) {}
  static constexpr bool takes_mask = true;
  void info(int64_t h, int64_t w, ssp_token_info& out) const { out = inner_.info(h, w); }
  Tensor embed(const Tensor& images, const Call& call) const { return inner_.at(call, images).embed(images); }
  Positions positions(int64_t h, int64_t w, const Call& call) const {
    return inner_.at(call, zeros({1, 3, h, w}, block_.ln1.weight)).positions();
  }
  Tensor encode(const EncodeInput& in, const Call& call) const {
    const auto inner = inner_.at(call, in.tokens).encode_layers({"last"}, in.tokens, in.ids);
    const Tensor y = block_(inner.result + inner.layers[0], call, in.bias);
    in.emit("block", y);
    return y;
  }
  std::vector<LayerInfo> layers(int64_t, int64_t) const { return {{"map", SSP_SHAPE_MAP, 8, 4, 4, 0, true}}; }
  Outputs forward(const ForwardInput& in, const Call&) const {
    if (in.wants("map")) return {{"map", in.images * (1 - in.mask)}};
    return {};
  }
  NamePairs names(std::string_view) const { return {}; }

 private:
  TokensBackbone inner_;
  nn::Block block_;
};

class Invert {
 public:
  static const char* schema() { return "{}"; }
  explicit Invert(const Scope& s) : probability_(s.get("prob", 0.5)) {}
  void apply(Sample& sample) const {
    for (uint32_t i = 0; i < sample.count(); ++i) {
      if (sample.uniform() >= probability_) continue;
      const Image image = sample.image(i), copy = sample.alloc(image.height(), image.width(), image.channels());
      for (int64_t y = 0; y < image.height(); ++y)
        for (int64_t x = 0; x < image.width() * image.channels(); ++x)
          copy.row(y)[x] = static_cast<uint8_t>(255 - image.row(y)[x]);
      sample.replace(i, copy);
    }
    sample.append(sample.alloc(1, 1, 3));
    sample.set_field("angle", std::vector<float>{static_cast<float>(sample.uniform(0, 3))}, {1});
  }

 private:
  double probability_;
};

}  // namespace

SSP_PLUGIN(algorithm<Teacher>("Teacher"), tokens<Encoder>("Encoder"), backbone<Encoder>("Encoder"),
           transform<Invert>("Invert"));
