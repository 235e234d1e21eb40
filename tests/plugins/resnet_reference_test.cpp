// Residual networks of backbones.so against torchvision's: what they compute (families resnet_, made by
// scripts/record_resnet.py), and the names, shapes, kinds and order of their tensors (names_resnet.json).
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <zlib.h>
#include <catch2/catch.hpp>
#include <map>

#include "support/fixture.h"

using namespace selfsup;
using selfsup::testing::Model;

namespace {

// As record_resnet.py makes them.
at::Tensor values(const std::string& name, at::IntArrayRef sizes) {
  at::Tensor out = at::empty(sizes, at::kDouble);
  const uint64_t start = crc32(0, reinterpret_cast<const Bytef*>(name.data()), static_cast<uInt>(name.size()));
  double* to = out.mutable_data_ptr<double>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    uint64_t n = ((static_cast<uint64_t>(i) + start) * 2654435761u) & 0xffffffffu;
    n ^= n >> 15;
    n = (n * 2246822519u) & 0xffffffffu;
    n ^= n >> 13;
    to[i] = static_cast<double>(n) / 4294967296.0 - 0.5;
  }
  return out;
}

void fill(model::ParameterStore& store) {
  const at::NoGradGuard no_grad;
  for (model::Entry& e : store.entries()) {
    const std::string name = e.name.substr(std::string("backbone.").size());
    if (e.tensor.dim() == 0) {
      e.tensor.zero_();
    } else if (e.tensor.dim() == 4) {
      const auto fan = static_cast<double>(e.tensor.numel() / e.tensor.size(0));
      e.tensor.copy_(values(name, e.tensor.sizes()) * std::sqrt(24 / fan));
    } else {
      const bool around_zero = name.ends_with("bias") || name.ends_with("running_mean");
      e.tensor.copy_(values(name, e.tensor.sizes()) + (around_zero ? 0 : 1));
    }
  }
}

// digest: norm, and the products with two vectors.
void check_digest(const std::string& name, const at::Tensor& got, const Json& digest) {
  INFO(name);
  REQUIRE(got.defined());
  const at::Tensor flat = got.contiguous().to(at::kDouble).flatten();
  const double norm = digest.as_array()[0].as_double();
  CHECK(std::abs(flat.norm().item<double>() - norm) < 1e-4 * norm);
  for (const auto& [which, index] : {std::pair{"/a", 1}, std::pair{"/b", 2}})
    CHECK(std::abs(flat.dot(values(name + which, flat.sizes())).item<double>() -
                   digest.as_array()[static_cast<size_t>(index)].as_double()) < 1e-4 * norm);
}

Json config_of(const Json& c) {
  Json backbone = Json::object(), model = Json::object();
  backbone.set("type", "ResNet");
  backbone.set("depth", c.get("bottleneck").as_bool() ? 50 : 18);
  backbone.set("stage_blocks", Json(Json::Array{1, 1, 1, 1}));
  backbone.set("stem", c.get("stem").as_string());
  model.set("type", "BackboneLayers");
  model.set("backbone", backbone);
  return selfsup::testing::resolved(model);
}

void load_layers() { selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_backbone_layers.so"); }

}  // namespace

TEST_CASE("ResNet: features, gradients and running statistics are torchvision's", "[reference]") {
  load_layers();
  const bool fused = GENERATE(false, true);
  const selfsup::testing::Fusing way(fused);
  for (const std::string& stem : selfsup::testing::family("resnet_", ".json")) {
    const selfsup::testing::Tensors features = selfsup::testing::load_tensors(stem);
    const Json recorded = selfsup::testing::load_json(stem);
    for (const auto& [name, c] : recorded.get("cases").as_object()) {
      INFO(stem << " " << name);
      Model model(config_of(c));
      fill(model.store);
      const at::Tensor images =
          values(name + "/images", {c.get("batch").as_int(), 3, c.get("height").as_int(), c.get("width").as_int()})
              .to(at::kFloat) *
          4;
      for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
        const at::Tensor got =
            model.algorithm.features({}, images.contiguous(format), std::vector<std::string>{"mean"}).at(0).value;
        const at::Tensor &want = features.at(name), error = (got - want).abs().max();
        CHECK(error.item<double>() < 1e-5 * want.abs().max().item<double>());
      }
      bridge::StepBatch batch;
      batch.views = {fused ? images.contiguous(at::MemoryFormat::ChannelsLast) : images};
      batch.sample_index = at::arange(images.size(0));
      batch.fields = {{"weights", -1, values(name + "/weights", features.at(name).sizes()).to(at::kFloat)}};
      const at::Tensor loss = model.algorithm.training_step({}, batch).at(0).value;
      CHECK(loss.item<double>() == Approx(c.get("loss").as_double()).epsilon(1e-4));
      loss.backward();
      for (const auto& [tensor, digest] : c.get("gradients").as_object())
        check_digest(tensor, model.store.find("backbone." + tensor)->tensor.grad(), digest);
      for (const auto& [tensor, digest] : c.get("buffers").as_object())
        check_digest(tensor, model.store.find("backbone." + tensor)->tensor, digest);
      CHECK(model.store.find("backbone.bn1.num_batches_tracked")->tensor.item<int64_t>() == 1);
      CHECK(model.store.count(model::Kind::frozen) == 0);
      CHECK(model.store.trained().size() == c.get("gradients").as_object().size());
    }
  }
}

TEST_CASE("ResNet: names, shapes, kinds and their order are torchvision's", "[reference]") {
  load_layers();
  const Json recorded = selfsup::testing::load_json("names_resnet");
  for (const int64_t depth : {18, 50}) {
    Model model(selfsup::testing::resolved(parse_json(
        R"({"type": "BackboneLayers", "backbone": {"type": "ResNet", "depth": )" + std::to_string(depth) + "}}", "test",
        "file")));
    const Json::Array& wanted = recorded.get(std::to_string(depth)).as_array();
    REQUIRE(model.store.entries().size() == wanted.size());
    std::map<std::string, std::string> identity;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const model::Entry& e = model.store.entries()[i];
      const Json::Array& row = wanted[i].as_array();
      const std::string& name = row[0].as_string();
      CHECK(e.name == "backbone." + name);
      std::vector<int64_t> shape;
      for (const Json& n : row[1].as_array()) shape.push_back(n.as_int());
      CHECK(e.tensor.sizes().vec() == shape);
      CHECK((e.kind == model::Kind::buffer) == (row[2].as_string() == "buffer"));
      identity[e.name] = name;
    }
    for (const char* format : {"torchvision", "timm", "mmselfsup"}) {
      const auto pairs = model.algorithm.export_names(format);
      CHECK(std::map<std::string, std::string>(pairs.begin(), pairs.end()) == identity);
    }
    CHECK(model.algorithm.export_names("no such format").empty());
  }
}
