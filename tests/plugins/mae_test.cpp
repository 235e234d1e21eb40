// What mae.so and backbones.so do with a configuration: initial values, defaults, features, refusals.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include "base/errors.h"
#include "config/schema.h"
#include "ssp/params.h"
#include "support/fixture.h"

using namespace selfsup;
using Catch::Matchers::Contains;
using selfsup::testing::MaeSizes;
using selfsup::testing::Model;

namespace {

const MaeSizes kSizes{8, 2, 3, 16, 2, 4, 8, 1, 2};

Json small() { return selfsup::testing::mae_config(kSizes, true); }

void refused(const Json& config, const std::string& first, const std::string& second) {
  CHECK_THROWS_WITH(Model(config), Contains(first) && Contains(second));
}

bool ends_with(const std::string& text, std::string_view end) { return text.ends_with(end); }

}  // namespace

TEST_CASE("MAE: the encoder of another plugin need not have the keys of ours") {
  selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_thrower.so");
  Json config = small(), encoder = Json::object();
  encoder.set("type", "ThrowerTokens");
  encoder.set("mask_ratio", 0.5);
  config.set("backbone", encoder);
  refused(config, "`neck.embed_dim` is 16", "width 4");  // it was asked what it is, not for its keys
}

TEST_CASE("MAE: initial values are MMSelfSup's") {
  Model model(small());
  using model::InitKind;
  int linears = 0;
  for (const model::Entry& e : model.store.entries()) {
    INFO(e.name);
    const model::InitSpec& init = e.init;
    const bool ffn = e.name.find(".ffn.") != std::string::npos;
    const bool norm = e.name.find(".ln") != std::string::npos;
    if (ends_with(e.name, "pos_embed")) {
      CHECK(init.kind == InitKind::data);
    } else if (ends_with(e.name, "_token")) {
      CHECK(init.kind == InitKind::normal);
      CHECK(init.a == 0);
      CHECK(init.b == 0.02);
    } else if (norm) {
      CHECK(init.kind == InitKind::constant);
      CHECK(init.a == (ends_with(e.name, "weight") ? 1 : 0));
    } else if (ends_with(e.name, "projection.weight")) {
      CHECK(init.kind == InitKind::xavier_uniform);  // over [out, in * patch * patch]
      CHECK(init.fan_in == kSizes.channels * kSizes.patch * kSizes.patch);
      CHECK(init.fan_out == kSizes.dim);
    } else if (ends_with(e.name, "projection.bias")) {
      CHECK(init.kind == InitKind::kaiming_uniform);
      CHECK(init.fan_in == kSizes.channels * kSizes.patch * kSizes.patch);
    } else if (ends_with(e.name, "weight")) {
      CHECK(init.kind == InitKind::xavier_uniform);
      CHECK(init.fan_in == 0);
      ++linears;
    } else if (ffn) {
      CHECK(init.kind == InitKind::normal);
      CHECK(init.b == 1e-6);
    } else {
      CHECK(ends_with(e.name, "bias"));
      CHECK(init.kind == InitKind::constant);
      CHECK(init.a == 0);
    }
  }
  CHECK(linears == 4 * (kSizes.depth + kSizes.decoder_depth) + 2);
}

TEST_CASE("MAE: arch b on images of 224 has the published number of parameters") {
  Model model(
      parse_json(R"({"type": "MAE", "backbone": {"type": "MAEViT", "arch": "b", "img_size": 224}})", "test", "file"));
  CHECK(model.store.count(model::Kind::frozen) == 252160);
  CHECK(model.store.count(model::Kind::parameter) == 111907840 - 252160);
}

TEST_CASE("MAE: roles and depths of parameters") {
  Model model(small());
  CHECK(model.store.find("backbone.cls_token")->roles == SSP_ROLE_TOKEN);
  CHECK(model.store.find("neck.mask_token")->roles == SSP_ROLE_TOKEN);
  CHECK(model.store.find("backbone.pos_embed")->roles == SSP_ROLE_EMBED);
  CHECK(model.store.find("backbone.layers.1.ln1.bias")->roles == SSP_ROLE_NORM);
  CHECK(model.store.find("backbone.layers.1.attn.qkv.bias")->roles == SSP_ROLE_BIAS);
  CHECK(model.store.find("backbone.layers.1.attn.qkv.weight")->roles == 0);
  CHECK(model.store.find("backbone.patch_embed.projection.weight")->layer == 0);
  CHECK(model.store.find("backbone.layers.0.attn.qkv.weight")->layer == 1);
  CHECK(model.store.find("backbone.layers.1.attn.qkv.weight")->layer == 2);
  CHECK(model.store.find("backbone.ln1.weight")->layer == kSizes.depth + 1);
}

TEST_CASE("MAE: features by name, equal for a sample whatever its batch") {
  Model model(small());
  model.store.initialise(3);
  const at::Tensor images = at::randn({3, 3, 8, 8});
  bridge::Step step;
  step.mode = bridge::Mode::eval;
  const auto by_default = model.algorithm.features(step, images);
  REQUIRE(by_default.size() == 1);
  CHECK(by_default[0].name == "mean");
  CHECK_FALSE(by_default[0].value.requires_grad());
  const std::vector<std::string> names{"cls", "pool", "mean"};
  const auto all = model.algorithm.features(step, images, names);
  REQUIRE(all.size() == 3);
  CHECK(all[0].value.sizes().vec() == std::vector<int64_t>{3, kSizes.dim});
  CHECK(all[1].value.sizes().vec() == std::vector<int64_t>{3, 4 * kSizes.dim});
  CHECK(at::equal(all[2].value, by_default[0].value));
  // Four equal squares: the mean of the pooled ones is the mean of all.
  CHECK(at::allclose(all[1].value.view({3, kSizes.dim, 4}).mean(2), all[2].value, 1e-5, 1e-6));
  const auto one = model.algorithm.features(step, images.narrow(0, 1, 1));
  CHECK(at::allclose(one[0].value, by_default[0].value.narrow(0, 1, 1), 1e-5, 1e-6));
  CHECK_THROWS_WITH(model.algorithm.features(step, images, std::vector<std::string>{"pol"}),
                    Contains("pol") && Contains("mean, cls, pool"));
}

TEST_CASE("MAE: sizes that contradict each other are refused, both named") {
  Json c = small();
  c.find("neck")->set("embed_dim", 32);
  refused(c, "neck.embed_dim", "backbone.arch");
  c = small();
  c.find("neck")->set("num_patches", 196);
  refused(c, "neck.num_patches", "backbone.img_size");
  c = small();
  c.find("neck")->set("patch_size", 16);
  refused(c, "neck.patch_size", "backbone.patch_size");
  c = small();
  c.find("head")->set("patch_size", 4);
  refused(c, "head.patch_size", "backbone.patch_size");
  c = small();
  c.find("backbone")->set("mask_ratio", 0.99);
  refused(c, "mask_ratio", "at least one must stay");
  c = small();
  c.find("backbone")->set("patch_size", 3);
  refused(c, "img_size", "patch_size");
  c = small();
  c.find("backbone")->set("arch", "bse");
  refused(c, "bse", "base (b)");
  c = small();
  c.find("neck")->set("decoder_num_heads", 3);
  refused(c, "8 channels", "3 heads");
  c = small();
  c.find("neck")->set("mlp_ratio", 0.01);
  refused(c, "neck.mlp_ratio", "decoder_embed_dim");
  c = small();
  c.find("backbone")->set("img_size", 65534);
  refused(c, "`img_size` 65534 x 65534", "it may have 67108864");
  c = small();
  c.find("backbone")->set("img_size", 1024);
  c.find("neck")->set("decoder_embed_dim", 4096);
  refused(c, "neck.decoder_embed_dim", "it may have 67108864");
  c = selfsup::testing::mae_config({4, 1, 1, 16, 1, 4, 8, 1, 2}, true);
  refused(c, "head.norm_pix", "backbone.patch_size");
}

TEST_CASE("MAE: images of another size or depth than the model's are refused") {
  Model model(small());
  model.store.initialise(0);
  bridge::StepBatch batch;
  batch.views = {at::zeros({2, 3, 16, 16})};
  batch.sample_index = at::arange(2);
  CHECK_THROWS_WITH(model.algorithm.training_step({}, batch), Contains("16 x 16") && Contains("img_size"));
  batch.views = {at::zeros({2, 1, 8, 8})};
  CHECK_THROWS_WITH(model.algorithm.training_step({}, batch), Contains("in_channels"));
}

TEST_CASE("MAE: defaults make a model that trains on the images they are for") {
  const plugin::Component& mae = selfsup::testing::registry().find(SSP_KIND_ALGORITHM, "MAE");
  for (const int64_t size : {5, 12, 28, 31, 32, 50, 64, 95}) {
    for (const int64_t channels : {1, 3}) {
      INFO("images of " << size << ", channels " << channels);
      bridge::Facts facts;
      facts.image_size = size;
      facts.channels = channels;
      facts.max_epochs = 3;
      const Json defaults = bridge::algorithm_defaults(mae, facts);
      const int64_t crop = defaults.at_path("train_dataloader.pipeline.0.size")->as_int();
      facts.view_sizes = {crop, crop};  // as a run knows them
      Model model(defaults.get("model"), facts);
      model.store.initialise(1);
      CHECK(crop <= size);
      CHECK(crop > size * 3 / 4);
      bridge::StepBatch batch;
      batch.views = {at::randn({2, channels, crop, crop})};
      batch.sample_index = at::arange(2);
      const auto out = model.algorithm.training_step({}, batch);
      CHECK(std::isfinite(out.at(0).value.item<double>()));
    }
  }
}

namespace {

// A network as MAE's defaults have it for what a stated pipeline gives, but for its widths: "" when it can be made,
// else what is said.
std::string refusal_of(int64_t height, int64_t width) {
  const plugin::Component& mae = selfsup::testing::registry().find(SSP_KIND_ALGORITHM, "MAE");
  bridge::Facts facts;
  facts.views = 1;
  facts.view_sizes = {height, width};
  if (height == width) facts.image_size = height;
  Json model = bridge::algorithm_defaults(mae, facts).get("model");
  model.find("backbone")
      ->set("arch", parse_json(R"({"embed_dims": 4, "num_layers": 1, "num_heads": 1, "feedforward_channels": 4})",
                               "test", "file"));
  model.find("neck")->set("decoder_embed_dim", 4);
  model.find("neck")->set("decoder_depth", 0);
  model.find("neck")->set("decoder_num_heads", 1);
  try {
    Model made(model, facts);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE(
    "MAE: whatever size a stated pipeline gives, the model is for it or the pipeline is named with one that fits") {
  int refused = 0;
  const auto look = [&](int64_t height, int64_t width) {
    INFO(height << " x " << width);
    const std::string text = refusal_of(height, width);
    if (text.empty()) return;
    ++refused;
    REQUIRE_THAT(text, Contains("`train_dataloader.pipeline` gives images of " + std::to_string(height) + " x " +
                                std::to_string(width)));
    const size_t at = text.find("let it give ");
    REQUIRE(at != text.npos);
    int64_t better_height = 0, better_width = 0;
    REQUIRE(std::sscanf(text.c_str() + at, "let it give %ld x %ld", &better_height, &better_width) == 2);
    INFO("told to take " << better_height << " x " << better_width);
    CHECK(refusal_of(better_height, better_width).empty());
  };
  for (int64_t side = 1; side <= 300; ++side) look(side, side);
  CHECK(refused < 130);
  for (int64_t side = 8; side <= 300; side += 7) {
    look(side, 224);
    look(28, side);
    look(side, 2 * side);
    look(64, side);
  }
  for (const int64_t side : {30, 36, 50, 100, 200, 224, 256}) CHECK(refusal_of(side, side).empty());
}

TEST_CASE("MAE: images that are not square are trained on, judged and rebuilt") {
  Json config = small();
  config.find("backbone")->set("img_size", Json::Array{Json(4), Json(8)});
  Model model(config);
  model.store.initialise(2);
  bridge::StepBatch batch;
  batch.views = {at::randn({3, 3, 4, 8})};
  batch.sample_index = at::arange(3);
  CHECK(std::isfinite(model.algorithm.training_step({}, batch).at(0).value.item<double>()));
  CHECK(model.store.find("backbone.pos_embed")->tensor.size(1) == 1 + 2 * 4);
  bridge::Step eval;
  eval.mode = bridge::Mode::eval;
  const std::vector<std::string> names{"mean", "pool"};
  const auto features = model.algorithm.features(eval, batch.views[0], names);
  CHECK(features.at(1).value.size(1) == 4 * kSizes.dim);
  for (const auto& picture : model.algorithm.reconstruct(eval, batch))
    CHECK(picture.value.sizes().vec() == std::vector<int64_t>{3, 3, 4, 8});
  // Left out, the size is what the pipeline gives.
  config.find("backbone")->erase("img_size");
  bridge::Facts facts;
  facts.view_sizes = {4, 8};
  CHECK(Model(config, facts).store.find("neck.decoder_pos_embed")->tensor.size(1) == 1 + 2 * 4);
  config.find("backbone")->set("img_size", 8);
  CHECK_THROWS_WITH(Model(config, facts), Contains("the images are 4 x 8") && Contains("built for 8 x 8") &&
                                              Contains("train_dataloader.pipeline") && Contains("img_size"));
}

TEST_CASE(
    "MAE: a cell's position goes by its row and column, whatever the grid, and patches are put back where they were") {
  const auto positions = [](int64_t height, int64_t width, const char* name) {
    Json config = small();
    config.find("backbone")->set("img_size", Json::Array{Json(height), Json(width)});
    Model model(config);
    model.store.initialise(0);
    const at::Tensor table = model.store.find(name)->tensor;
    return table.slice(1, 1).reshape({height / kSizes.patch, width / kSizes.patch, table.size(2)}).clone();
  };
  for (const char* name : {"backbone.pos_embed", "neck.decoder_pos_embed"}) {
    INFO(name);
    const at::Tensor square = positions(12, 12, name);
    CHECK(at::equal(positions(4, 12, name), square.slice(0, 0, 2)));
    CHECK(at::equal(positions(12, 6, name), square.slice(1, 0, 3)));
  }
  for (const auto& [height, width] : {std::pair{4, 12}, {12, 6}}) {
    Json config = small();
    config.find("backbone")->set("img_size", Json::Array{Json(height), Json(width)});
    config.find("head")->set("norm_pix", false);
    Model model(config);
    model.store.initialise(1);
    bridge::StepBatch batch;
    batch.views = {at::rand({2, 3, height, width}) + 1};
    batch.sample_index = at::arange(2);
    bridge::Step eval;
    eval.mode = bridge::Mode::eval;
    const auto pictures = model.algorithm.reconstruct(eval, batch);
    REQUIRE(pictures.at(1).name == "masked");
    const int64_t p = kSizes.patch;
    // [2, 3, rows, columns]: the patches of a picture, each all there or all gone.
    const auto there = [&](const at::Tensor& picture) {
      return picture.eq(batch.views[0]).unfold(2, p, p).unfold(3, p, p).flatten(4).to(at::kFloat).mean(4);
    };
    const at::Tensor visible = there(pictures[1].value), joined = there(pictures.at(3).value);
    CHECK(visible.eq(0).logical_or(visible.eq(1)).all().item<bool>());
    CHECK(visible.sum().item<int64_t>() == 2 * 3 * (height / p * width / p / 4));
    CHECK(joined.masked_select(visible.eq(1)).eq(1).all().item<bool>());
  }
}

TEST_CASE("MAE: the default rate counts all images of an update") {
  const plugin::Component& mae = selfsup::testing::registry().find(SSP_KIND_ALGORITHM, "MAE");
  bridge::Facts facts;
  facts.image_size = 224;
  facts.batch_size = 64;
  facts.world = 2;
  facts.micros = 4;
  const Json defaults = bridge::algorithm_defaults(mae, facts);
  CHECK(defaults.at_path("optim_wrapper.optimizer.lr")->as_double() == Approx(1.5e-4 * 2));
  CHECK(defaults.at_path("auto_scale_lr.base_batch_size")->as_int() == 512);
}

TEST_CASE("MAE: default schedules cover the run without a gap") {
  const plugin::Component& mae = selfsup::testing::registry().find(SSP_KIND_ALGORITHM, "MAE");
  for (const bool by_epoch : {false, true}) {
    for (const int64_t length : {1, 2, 3, 4, 7, 20, 29, 30, 400, 1500}) {
      INFO((by_epoch ? "epochs " : "iterations ") << length);
      bridge::Facts facts;
      facts.image_size = 28;
      (by_epoch ? facts.max_epochs : facts.max_iters) = length;
      const Json defaults = bridge::algorithm_defaults(mae, facts);
      int64_t at = 0;
      for (const Json& s : defaults.get("param_scheduler").as_array()) {
        CHECK(s.get("by_epoch").as_bool() == by_epoch);
        CHECK(s.get("begin").as_int() == at);
        CHECK(s.get("end").as_int() > at);
        // A line needs two points, and an epoch may have one step.
        if (s.get("type").as_string() == "LinearLR") CHECK(s.get("end").as_int() - at >= 2);
        at = s.get("end").as_int();
      }
      CHECK(at == length);
    }
  }
}

TEST_CASE("sizes of a transformer whose products would overflow are refused by its schema") {
  const Json schema = bridge::component_schema(selfsup::testing::registry().find(SSP_KIND_BACKBONE_TOKENS, "MAEViT"));
  const auto problems = [&](const char* key, int64_t value) {
    Json config = small().get("backbone");
    config.find("arch")->set("feedforward_channels", 64);
    config.set("mask_ratio", Json());
    Json* node = config.find(key) ? &config : config.find("arch");
    node->set(key, value);
    const auto found = config::validate(config, schema, "", {});
    return std::count_if(found.begin(), found.end(), [&](const auto& p) { return p.path.ends_with(key); });
  };
  for (const char* key :
       {"embed_dims", "num_layers", "num_heads", "feedforward_channels", "img_size", "patch_size", "in_channels"}) {
    INFO(key);
    CHECK(problems(key, 4) == 0);
    CHECK(problems(key, int64_t{1} << 62) == 1);
  }
}

TEST_CASE("schemas of mae.so and backbones.so are JSON and describe every key") {
  const auto described = [](const Json& schema) {
    for (const auto& [key, property] : schema.get("properties").as_object()) {
      INFO(key);
      if (key != "type") CHECK(!property.get("description").as_string().empty());
    }
  };
  const plugin::Registry& all = selfsup::testing::registry();
  described(bridge::component_schema(all.find(SSP_KIND_ALGORITHM, "MAE")));
  for (const char* kind : {SSP_KIND_BACKBONE_TOKENS, SSP_KIND_BACKBONE})  // the first is needed, and loads the plugin
    for (const char* name : {"MAEViT", "VisionTransformer"}) described(bridge::component_schema(all.find(kind, name)));
}
