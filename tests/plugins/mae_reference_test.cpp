// Loss, every gradient, predictions and pictures of mae.so against the original implementation, with its weights,
// images and noise.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <catch2/catch.hpp>
#include <set>

#include "base/errors.h"
#include "mae/patches.hpp"
#include "ssp/sink.h"
#include "support/fixture.h"

using namespace selfsup;
using selfsup::testing::FixedNoise;
using selfsup::testing::MaeSizes;
using selfsup::testing::Model;
using selfsup::testing::Tensors;

namespace {

MaeSizes tiny_sizes(const Json& file) {
  const Json& c = file.get("config");
  return {c.get("img_size").as_int(),          c.get("patch_size").as_int(),    c.get("in_chans").as_int(),
          c.get("embed_dim").as_int(),         c.get("depth").as_int(),         c.get("num_heads").as_int(),
          c.get("decoder_embed_dim").as_int(), c.get("decoder_depth").as_int(), c.get("decoder_num_heads").as_int(),
          c.get("mlp_ratio").as_double(),      c.get("mask_ratio").as_double(), file.get("layer_norm_eps").as_double()};
}

// "blocks.3.norm1.weight" -> "blocks.#.norm1.weight", "3"; a name without a number gives "".
std::pair<std::string, std::string> without_number(const std::string& name) {
  size_t begin = 0;
  while (begin < name.size()) {
    size_t end = name.find('.', begin);
    if (end == std::string::npos) end = name.size();
    const std::string part = name.substr(begin, end - begin);
    if (part.find_first_not_of("0123456789") == std::string::npos)
      return {name.substr(0, begin) + "#" + name.substr(end), part};
    begin = end + 1;
  }
  return {name, ""};
}

// The first numbered part is the block's in both worlds.
std::string mmselfsup_name(const std::string& official) {
  static const std::map<std::string, std::string> table = [] {
    std::map<std::string, std::string> t;
    for (const std::string& stem : selfsup::testing::family("names_mae_", ".json")) {
      const Json file = selfsup::testing::load_json(stem);
      for (const Json& p : file.get("parameters").as_array())
        t[without_number(p.get("official").as_string()).first] = without_number(p.get("mmselfsup").as_string()).first;
    }
    return t;
  }();
  const auto [pattern, number] = without_number(official);
  const auto found = table.find(pattern);
  if (found == table.end()) FAIL("no MMSelfSup name is known for " << official);
  std::string name = found->second;
  if (const size_t at = name.find('#'); at != std::string::npos) name.replace(at, 1, number);
  return name;
}

// Fills the store; strict in both directions.
void set_values(Model& model, const Tensors& recorded) {
  std::set<std::string> filled;
  for (const auto& [name, value] : recorded) {
    if (!name.starts_with("param/")) continue;
    const std::string ours = mmselfsup_name(name.substr(6));
    model::Entry* entry = model.store.find(ours);
    INFO(name << " -> " << ours);
    REQUIRE(entry);
    REQUIRE(entry->tensor.sizes() == value.sizes());
    const c10::AutoGradMode guard(false);
    entry->tensor.copy_(value);
    filled.insert(ours);
  }
  REQUIRE(filled.size() == model.store.entries().size());
}

void scale_for_probe(Model& model, const Json& file) {
  const c10::AutoGradMode guard(false);
  const auto factor = static_cast<float>(file.get("probe").get("factor").as_double());
  for (const Json& name : file.get("probe").get("parameters").as_array()) {
    at::Tensor t = model.store.find(mmselfsup_name(name.as_string()))->tensor;
    t.mul_(at::scalar_tensor(factor));
  }
}

bridge::StepBatch batch_of(const at::Tensor& images) {
  bridge::StepBatch batch;
  batch.views = {images};
  batch.sample_index = at::arange(images.size(0));
  return batch;
}

at::Tensor column(const std::vector<bridge::NamedTensor>& all, const std::string& name) {
  for (const auto& t : all)
    if (t.name == name) return t.value;
  FAIL("nothing named " << name << " was emitted");
  return {};
}

double max_abs(const at::Tensor& got, const at::Tensor& want) {
  REQUIRE(got.sizes() == want.sizes());
  return (got.to(at::kDouble) - want.to(at::kDouble)).abs().max().item<double>();
}

// [B, C, H, W] -> [B, L, p * p * C], written independently of the plugin.
at::Tensor patchify(const at::Tensor& images, int64_t p) {
  const at::Tensor x = images.unfold(2, p, p).unfold(3, p, p);  // B C gh gw p p
  return x.permute({0, 2, 3, 4, 5, 1}).flatten(3).flatten(1, 2);
}

}  // namespace

TEST_CASE("MAE: loss and every gradient equal the original's", "[reference]") {
  const selfsup::testing::Fusing way(GENERATE(false, true));
  for (const std::string& stem : selfsup::testing::family("mae_tiny", ".json")) {
    const Json file = selfsup::testing::load_json(stem);
    const Tensors recorded = selfsup::testing::load_tensors(stem);
    const FixedNoise noise(recorded.at("noise"));
    for (const bool norm_pix : {false, true}) {
      const std::string variant = norm_pix ? "norm_pix" : "raw";
      const Tensors gradients = selfsup::testing::load_tensors(stem + "_grads_" + variant);
      Model model(selfsup::testing::mae_config(tiny_sizes(file), norm_pix));
      set_values(model, recorded);
      INFO(stem << " " << variant);

      const auto out = model.algorithm.training_step({}, batch_of(recorded.at("images")));
      REQUIRE(out.size() == 1);
      CHECK(out[0].flags == SSP_EMIT_LOSS);
      CHECK(max_abs(column(out, "loss"), recorded.at("loss_" + variant)) < 1e-6);
      out[0].value.backward();
      size_t trained = 0;
      for (model::Entry& entry : model.store.entries()) trained += entry.kind == model::Kind::parameter;
      REQUIRE(trained == gradients.size());
      for (const auto& [name, want] : gradients) {
        const at::Tensor got = model.store.find(mmselfsup_name(name.substr(5)))->tensor.grad();
        INFO(name);
        REQUIRE(got.defined());
        const double distance = (got - want).to(at::kDouble).norm().item<double>();
        CHECK(distance <= 1e-5 * want.to(at::kDouble).norm().item<double>());
      }
    }
  }
}

TEST_CASE("MAE: mask, predictions and pictures equal the original's", "[reference]") {
  const selfsup::testing::Fusing way(GENERATE(false, true));
  for (const std::string& stem : selfsup::testing::family("mae_tiny", ".json")) {
    const Json file = selfsup::testing::load_json(stem);
    const Tensors recorded = selfsup::testing::load_tensors(stem);
    const MaeSizes sizes = tiny_sizes(file);
    const at::Tensor images = recorded.at("images"), hidden = recorded.at("mask").unsqueeze(-1);
    const at::Tensor target = recorded.at("target_raw"), pred = recorded.at("pred");
    REQUIRE(at::equal(patchify(images, sizes.patch), target));
    const FixedNoise noise(recorded.at("noise"));
    const auto pictures = [&](bool norm_pix) {
      Model model(selfsup::testing::mae_config(sizes, norm_pix));
      set_values(model, recorded);
      return model.algorithm.reconstruct({}, batch_of(images));
    };

    const auto raw = pictures(false);
    REQUIRE(raw.size() == 4);
    for (const auto& t : raw) CHECK(t.flags == SSP_EMIT_IMAGE);
    CHECK(at::equal(column(raw, "original"), images));
    CHECK(at::equal(patchify(column(raw, "masked"), sizes.patch), target * (1 - hidden)));
    CHECK(max_abs(column(raw, "reconstruction"), recorded.at("unpatchify_pred")) < 1e-5);
    CHECK(max_abs(patchify(column(raw, "reconstruction"), sizes.patch), pred) < 1e-5);
    CHECK(max_abs(patchify(column(raw, "reconstruction+visible"), sizes.patch), at::where(hidden > 0, pred, target)) <
          1e-5);

    // norm_pix undone: with each patch's own mean and unbiased deviation.
    const at::Tensor wide = target.to(at::kDouble);
    const at::Tensor deviation = (wide.var(2, true, true) + 1e-6).sqrt(), mean = wide.mean(2, true);
    const auto normed = pictures(true);
    // The column says so.
    const at::Tensor undone = column(normed, "reconstruction_with_true_mean_and_deviation");
    CHECK(max_abs(patchify(undone, sizes.patch), pred.to(at::kDouble) * deviation + mean) < 2e-5);
  }
}

TEST_CASE("MAE: the probe shows a LayerNorm eps of 1e-6", "[reference]") {
  const selfsup::testing::Fusing way(GENERATE(false, true));
  for (const std::string& stem : selfsup::testing::family("mae_tiny", ".json")) {
    const Json file = selfsup::testing::load_json(stem);
    const Tensors recorded = selfsup::testing::load_tensors(stem);
    const MaeSizes sizes = tiny_sizes(file);
    const FixedNoise noise(recorded.at("noise"));
    for (const bool norm_pix : {false, true}) {
      Model model(selfsup::testing::mae_config(sizes, norm_pix));
      set_values(model, recorded);
      scale_for_probe(model, file);
      const bridge::StepBatch batch = batch_of(recorded.at("images"));
      const std::string loss = norm_pix ? "probe/loss_norm_pix" : "probe/loss_raw";
      CHECK(max_abs(column(model.algorithm.training_step({}, batch), "loss"), recorded.at(loss)) < 5e-5);
      if (norm_pix) continue;
      const at::Tensor picture = column(model.algorithm.reconstruct({}, batch), "reconstruction");
      CHECK(max_abs(patchify(picture, sizes.patch), recorded.at("probe/pred")) < 5e-5);
    }
  }
}

TEST_CASE("MAE: the number of visible patches is int(L * (1 - ratio)) in double precision", "[reference]") {
  for (const std::string& stem : selfsup::testing::family("mae_tiny", ".json")) {
    const Json file = selfsup::testing::load_json(stem);
    const auto& rows = file.get("len_keep_cases").get("values").as_array();
    REQUIRE(!rows.empty());
    for (const Json& row : rows) {
      const int64_t L = row.as_array()[0].as_int(), keep = row.as_array()[2].as_int();
      const double ratio = row.as_array()[1].as_double();
      INFO("L " << L << ", ratio " << ratio);
      CHECK(visible_patches(L, ratio) == keep);
      const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(L))));
      if (side * side != L || keep == 0 || keep == L) continue;  // no model: images are square, and some patches hidden
      MaeSizes sizes{side, 1, 1, 4, 1, 1, 4, 0, 1};
      sizes.mask_ratio = ratio;
      Model model(selfsup::testing::mae_config(sizes, false));
      model.store.initialise(0);
      const auto pictures = model.algorithm.reconstruct({}, batch_of(at::ones({2, 1, side, side})));
      const at::Tensor visible = column(pictures, "masked").sum({1, 2, 3});
      CHECK(visible[0].item<double>() == static_cast<double>(keep));
      CHECK(visible[1].item<double>() == static_cast<double>(keep));
    }
  }
}
