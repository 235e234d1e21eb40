#include "train/optimizers/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>

#include "base/errors.h"
#include "resolved.h"
#include "train/amp.h"
#include "train/clip.h"
#include "train/optimizers/param_groups.h"

namespace selfsup::train {
namespace {

constexpr uint32_t lars_exclude = 32;

struct Model {
  std::deque<model::Entry> entries;
  std::vector<model::Entry*> trained;

  explicit Model(uint64_t seed) {
    at::manual_seed(seed);
    for (const auto& [name, sizes] :
         {std::pair<std::string, std::vector<int64_t>>{"a.weight", {5, 3}}, {"a.bias", {5}}, {"b.weight", {70000}}}) {
      model::Entry e;
      e.name = name;
      e.roles = name == "a.bias" ? lars_exclude : 0;
      e.tensor = at::randn(sizes).set_requires_grad(true);
      entries.push_back(std::move(e));
      trained.push_back(&entries.back());
    }
  }
  std::unique_ptr<Optimizer> optimizer(const std::string& text) const {
    const Json config = test::resolved(optimizer_types(), parse_json(text, "test", "test"));
    return make_optimizer(config, group_parameters(trained, ParamRules(Json()), config.get("lr").as_double(),
                                                   config.get("weight_decay").as_double()));
  }
  void gradients(int step, double factor = 1) {
    at::manual_seed(static_cast<uint64_t>(1000 + step));
    for (auto& e : entries) e.tensor.mutable_grad() = at::randn(e.tensor.sizes()) * factor;
  }
  std::vector<at::Tensor> values() const {
    std::vector<at::Tensor> out;
    for (const auto& e : entries) out.push_back(e.tensor.detach().clone());
    return out;
  }
};

bool equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!at::equal(a[i], b[i])) return false;
  return a.size() == b.size();
}

bool holds(const Optimizer& optimizer, const StateDict& saved) {
  const StateDict own = optimizer.state();
  return own.size() == saved.size() && std::ranges::all_of(saved, [&](const auto& kept) {
           return std::ranges::any_of(
               own, [&](const auto& mine) { return mine.first == kept.first && at::equal(mine.second, kept.second); });
         });
}

const char* const configs[] = {
    R"({"type": "AdamW", "lr": 0.01, "weight_decay": 0.1})",
    R"({"type": "Adam", "lr": 0.01, "weight_decay": 0.1})",
    R"({"type": "SGD", "lr": 0.1, "momentum": 0.9})",
    R"({"type": "SGD", "lr": 0.1, "momentum": 0.9, "dampening": 0.5})",
    R"({"type": "LARS", "lr": 0.5, "momentum": 0.9, "weight_decay": 0.1, "eta": 0.02})",
    R"({"type": "LARS", "lr": 0.5, "momentum": 0.9, "dampening": 0.5, "eta": 0.02})",
    R"({"type": "LARS", "lr": 0.5, "momentum": 0.9, "nesterov": true, "eta": 0.02})",
};

// Operators called while `work` runs, on this thread.
std::vector<std::string> operators_of(const std::function<void()>& work) {
  static std::vector<std::string> names;
  names.clear();
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
        names.emplace_back(function.name());
        return nullptr;
      }));
  work();
  at::removeCallback(handle);
  return names;
}

}  // namespace

TEST_CASE("a masked step changes neither parameters nor what later steps do") {
  for (const char* config : configs) {
    INFO(config);
    Model masked(1), plain(1);
    const auto a = masked.optimizer(config), b = plain.optimizer(config);
    const at::Tensor bad = at::ones({}), good = at::zeros({});
    const auto before = masked.values();
    masked.gradients(9, std::numeric_limits<double>::quiet_NaN());
    a->step(bad);
    CHECK(equal(masked.values(), before));
    for (int step = 0; step < 3; ++step) {
      masked.gradients(step);
      plain.gradients(step);
      a->step(good);
      b->step();
    }
    CHECK(equal(masked.values(), plain.values()));
    CHECK(!equal(masked.values(), before));
  }
}

TEST_CASE("the saved state continues exactly, by parameter name") {
  for (const char* config : configs) {
    INFO(config);
    Model straight(2), resumed(3);
    const auto a = straight.optimizer(config);
    for (int step = 0; step < 2; ++step) straight.gradients(step), a->step();
    StateDict saved;
    for (const auto& [name, tensor] : a->state()) saved.emplace_back(name, tensor.clone());
    std::reverse(saved.begin(), saved.end());
    for (size_t i = 0; i < resumed.entries.size(); ++i)
      resumed.entries[i].tensor.detach().copy_(straight.entries[i].tensor.detach());
    const auto b = resumed.optimizer(config);
    const auto take_in = b->load_state(saved);
    CHECK(!holds(*b, saved));  // judged only
    take_in();
    CHECK(holds(*b, saved));
    for (int step = 2; step < 5; ++step) {
      straight.gradients(step), a->step();
      resumed.gradients(step), b->step();
    }
    CHECK(equal(straight.values(), resumed.values()));

    saved.emplace_back("c.weight/exp_avg", at::zeros({1}));
    CHECK_THROWS_AS(b->load_state(saved), Error);
  }
}

TEST_CASE("a parameter without a gradient keeps value and state, and joins later as if new") {
  for (const char* config : configs) {
    INFO(config);
    Model late(4), fresh(4);
    const auto a = late.optimizer(config), b = fresh.optimizer(config);
    const at::Tensor bias = late.entries[1].tensor;
    const at::Tensor before = bias.detach().clone();
    for (int step = 0; step < 2; ++step) {
      late.gradients(step);
      bias.mutable_grad().reset();
      a->step();
    }
    CHECK(at::equal(bias.detach(), before));
    late.gradients(7), a->step();
    fresh.gradients(7), b->step();
    CHECK(at::equal(bias.detach(), fresh.entries[1].tensor.detach()));
  }
}

// On a GPU each of these would wait for all that has been launched. (Adam's kernel for the CPU reads its step counts.)
TEST_CASE("a step reads no value of a tensor") {
  for (const char* config : configs) {
    if (std::string_view(config).find("Adam") != std::string_view::npos) continue;
    INFO(config);
    Model m(7);
    const auto optimizer = m.optimizer(config);
    const at::Tensor good = at::zeros({});
    m.gradients(0), optimizer->step(good);
    m.gradients(1);
    const auto called = operators_of([&] { optimizer->step(good); });
    CHECK(!called.empty());
    CHECK(std::ranges::count(called, "aten::item") == 0);
    CHECK(std::ranges::count(called, "aten::_local_scalar_dense") == 0);
  }
}

TEST_CASE("a channels-last parameter moves as a plain one") {
  for (const char* config : configs) {
    INFO(config);
    Model plain(8), last(8);
    for (Model* m : {&plain, &last}) {
      const auto format = m == &last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
      model::Entry& e = m->entries[2];
      e.tensor = at::arange(2 * 3 * 4 * 5, at::kFloat).view({2, 3, 4, 5}).contiguous(format).set_requires_grad(true);
      const auto optimizer = m->optimizer(config);
      for (int step = 0; step < 3; ++step) {
        m->gradients(step);
        // As autograd lays gradients out: like their parameters.
        e.tensor.mutable_grad() = (at::randn({2, 3, 4, 5})).contiguous(format);
        optimizer->step();
      }
      CHECK(e.tensor.is_contiguous(format));
    }
    CHECK(at::allclose(plain.entries[2].tensor, last.entries[2].tensor, 1e-6, 1e-6));
  }
}

TEST_CASE("LARS measures each tensor by itself, but for those that it leaves at the plain rate") {
  for (const double size : {1.0, 1000.0}) {
    Model m(9);
    const auto before = m.values();
    const auto optimizer = m.optimizer(R"({"type": "LARS", "lr": 2, "eta": 0.01})");
    m.gradients(0, size);
    std::vector<at::Tensor> gradients;
    for (auto& e : m.entries) gradients.push_back(e.tensor.grad().clone());
    optimizer->step();
    for (size_t i = 0; i < before.size(); ++i) {
      const at::Tensor moved = before[i] - m.values()[i];
      const double rate =
          m.entries[i].name == "a.bias" ? 2 : 2 * 0.01 * (before[i].norm() / gradients[i].norm()).item<double>();
      CHECK(at::allclose(moved, gradients[i] * rate, 1e-3, 1e-5));
    }
  }
}

TEST_CASE("options that an optimizer does not have are refused by name") {
  const Model m(5);
  CHECK_THROWS_WITH(m.optimizer(R"({"type": "SGD", "lr": 1, "betas": [0.9, 0.95]})"), Catch::Contains("betas"));
  CHECK_THROWS_WITH(m.optimizer(R"({"type": "Lion", "lr": 1})"), Catch::Contains("AdamW"));
  CHECK_THROWS_WITH(m.optimizer(R"({"type": "AdamW", "lr": 1, "betas": [0.9, 1.0]})"), Catch::Contains("betas"));
  CHECK_THROWS_WITH(m.optimizer(R"({"type": "AdamW", "lr": 1, "amsgrad": true})"), Catch::Contains("amsgrad"));
  CHECK_THROWS_WITH(m.optimizer(R"({"type": "AdamW", "lr": -1})"), Catch::Contains("lr"));
  CHECK_THROWS_WITH(m.optimizer(R"({"type": "LARS", "lr": 1, "eta": 0})"), Catch::Contains("eta"));
  CHECK_THROWS_WITH(m.optimizer(R"({"type": "LARS", "lr": 1, "nesterov": true})"), Catch::Contains("momentum"));
}

TEST_CASE("the gradient norm and clipping equal the definition") {
  Model m(6);
  m.gradients(0);
  std::vector<at::Tensor> grads, flat;
  for (auto& e : m.entries) grads.push_back(e.tensor.grad()), flat.push_back(e.tensor.grad().flatten().to(at::kDouble));
  for (const double p : {2.0, 1.0, std::numeric_limits<double>::infinity()}) {
    const double want = at::linalg_vector_norm(at::cat(flat), p).item<double>();
    CHECK(gradient_norm(grads, p).item<double>() == Approx(want).epsilon(1e-5));
  }
  const double norm = gradient_norm(grads).item<double>();
  std::vector<at::Tensor> copy;
  for (const auto& g : grads) copy.push_back(g.clone());
  clip_gradients(copy, gradient_norm(copy), {ClipSettings::Kind::norm, norm * 2, 2});
  CHECK(equal(copy, grads));  // within the limit: untouched
  clip_gradients(copy, gradient_norm(copy), {ClipSettings::Kind::norm, 1.5, 2});
  for (size_t i = 0; i < grads.size(); ++i) CHECK(at::allclose(copy[i], grads[i] * (1.5 / (norm + 1e-6))));
  clip_gradients(copy, {}, {ClipSettings::Kind::value, 0.01, 2});
  for (size_t i = 0; i < grads.size(); ++i)
    CHECK(at::allclose(copy[i], (grads[i] * (1.5 / (norm + 1e-6))).clamp(-0.01, 0.01)));
  grads[2][69999] = std::numeric_limits<float>::infinity();
  CHECK(!std::isfinite(gradient_norm(grads).item<double>()));
}

TEST_CASE("the scaler unscales, backs off after an overflow and grows after good steps") {
  AmpSettings settings;
  settings.init_scale = 8;
  settings.growth_interval = 2;
  GradScaler scaler(settings, at::kCPU);
  CHECK(scaler.scale(at::ones({}) * 3).item<float>() == 24);
  std::vector<at::Tensor> grads = {at::full({4}, 16.0)};
  CHECK(scaler.unscale(grads).item<float>() == 0);
  CHECK(at::equal(grads[0], at::full({4}, 2.0)));
  scaler.update();
  CHECK(scaler.scale_value().item<float>() == 8);
  scaler.unscale(grads);
  scaler.update();
  CHECK(scaler.scale_value().item<float>() == 16);
  grads[0][1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(scaler.unscale(grads).item<float>() == 1);
  scaler.update();
  CHECK(scaler.scale_value().item<float>() == 8);
}

TEST_CASE("mixed precision settings follow optim_wrapper and the device") {
  const auto read = [](const char* text, at::DeviceType device) {
    return amp_settings(parse_json(text, "test", "test"), device);
  };
  CHECK(!read(R"({"type": "OptimWrapper"})", at::kCPU).dtype);
  CHECK(read(R"({"type": "AmpOptimWrapper"})", at::kCPU).dtype == at::kBFloat16);
  CHECK(!read(R"({"type": "AmpOptimWrapper", "loss_scale": "dynamic"})", at::kCPU).scaled);
  const AmpSettings cuda = read(R"({"type": "AmpOptimWrapper", "loss_scale": 512})", at::kCUDA);
  CHECK(cuda.dtype == at::kHalf);
  CHECK(cuda.scaled);
  CHECK(!cuda.dynamic);
  CHECK(cuda.init_scale == 512);
  CHECK(!read(R"({"type": "AmpOptimWrapper", "dtype": "bfloat16"})", at::kCUDA).scaled);
  CHECK_THROWS_WITH(read(R"({"type": "AmpOptimWrapper", "dtype": "float16"})", at::kCPU), Catch::Contains("cuda"));
}

TEST_CASE("autocast is on inside its scope only") {
  const at::Tensor a = at::ones({8, 8}), b = at::ones({8, 8});
  {
    const AutocastScope scope(at::kCPU, at::kBFloat16);
    CHECK(at::mm(a, b).scalar_type() == at::kBFloat16);
  }
  CHECK(at::mm(a, b).scalar_type() == at::kFloat);
  const AutocastScope none(at::kCPU, std::nullopt);
  CHECK(at::mm(a, b).scalar_type() == at::kFloat);
}

}  // namespace selfsup::train
