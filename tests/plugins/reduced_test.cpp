// The algorithms that come with the host, on ranks that are processes: their gradients and their losses over twenty
// steps are those of one process with the images of all.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <stdexcept>

#include "base/random.h"
#include "bridge/host.h"
#include "config/schema.h"
#include "data/loader/loader.h"
#include "model/memory_format.h"
#include "processes.h"
#include "rank_world.h"
#include "run/component_schemas.h"
#include "ssp/entry.h"
#include "tensors.h"
#include "train/loop.h"

namespace selfsup::test {
namespace {

constexpr int64_t kSide = 16, kImages = 48, kBatch = 24;

struct Case {
  const char *name, *plugin, *model;
  int64_t views;
  const char* optimizer;
  bool sync_batch_norm, channels_last;
};

const Case kCases[] = {
    {"mae", "mae.so", R"({"type": "MAE",
      "backbone": {"type": "MAEViT", "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 32},
                   "img_size": 16, "patch_size": 4, "mask_ratio": 0.5},
      "neck": {"type": "MAEPretrainDecoder", "patch_size": 4, "embed_dim": 16, "decoder_embed_dim": 16, "decoder_depth": 1, "decoder_num_heads": 2},
      "head": {"type": "MAEPretrainHead", "norm_pix": true, "patch_size": 4}})",
     1, R"({"type": "AdamW", "lr": 0.001, "betas": [0.9, 0.95], "weight_decay": 0.05})", false, true},
    // Batch norms that ask for all ranks themselves, and such as the run makes so. Convolutions channels last have 16
    // outputs or more.
    {"simclr", "simclr.so", R"({"type": "SimCLR",
      "backbone": {"type": "ResNet", "depth": 18, "stem": "small", "stem_channels": 16, "base_channels": 16, "stage_blocks": [1, 1],
                   "norm_cfg": {"type": "SyncBN"}},
      "neck": {"hid_channels": 64, "out_channels": 16}, "head": {"temperature": 0.5}})",
     2, R"({"type": "SGD", "lr": 0.01, "momentum": 0.9})", false, true},
    {"simclr of a run with sync_bn", "simclr.so", R"({"type": "SimCLR",
      "backbone": {"type": "ResNet", "depth": 18, "stem": "small", "stem_channels": 4, "base_channels": 4, "stage_blocks": [1, 1]},
      "neck": {"hid_channels": 64, "out_channels": 16, "norm_cfg": {"type": "BN"}}, "head": {"temperature": 0.5}})",
     2, R"({"type": "SGD", "lr": 0.01, "momentum": 0.9})", true, false},
};

class RandomImages : public data::Dataset {
 public:
  int64_t size() const override { return kImages; }
  int channels() const override { return 3; }
  std::string describe(int64_t index) const override { return std::to_string(index); }
  void load(int64_t index, data::Image& out) const override {
    out.reshape(kSide, kSide, 3);
    KeyedRandom random(static_cast<uint64_t>(index));
    for (auto& pixel : out.pixels) pixel = static_cast<uint8_t>(random.below(256));
  }
};

// Remembers the gradients of the first update.
class Watched final : public train::Task {
 public:
  Watched(bridge::Algorithm& algorithm, const model::ParameterStore& store) : task_(algorithm), store_(store) {}
  std::vector<bridge::NamedTensor> training_step(const bridge::Step& step, const bridge::StepBatch& batch) override {
    return task_.training_step(step, batch);
  }
  std::vector<bridge::NamedTensor> on_event(const bridge::Step& step, bridge::Event event) override {
    if (event != bridge::Event::gradients) return task_.on_event(step, event);
    if (gradients.empty())
      for (const model::Entry& entry : store_.entries())
        if (entry.tensor.grad().defined()) gradients.push_back(entry.tensor.grad().clone());
    return {};
  }
  bool wants(bridge::Event event) const override { return event == bridge::Event::gradients; }

  std::vector<at::Tensor> gradients;

 private:
  train::AlgorithmTask task_;
  const model::ParameterStore& store_;
};

struct Losses final : train::Outside {
  std::vector<double> values;
  void log(report::TrainPoint point) override {
    for (const auto& [name, value] : point.scalars)
      if (name == "loss") values.push_back(value);
  }
  std::string save(const std::string& name, const train::Position&) override { return name; }
};

Json resolved(const plugin::Registry& registry, const char* text, const char* kind) {
  Json node = parse_json(text, "the test", "test");
  const Json schema(Json::Object{{"type", "object"}, {"x-ssp-component", kind}});
  config::throw_if_any(config::validate(node, schema, "", run::component_schemas(registry)));
  return node;
}

bridge::Facts facts_of(const Case& c, const distributed::Group& group) {
  bridge::Facts facts;
  facts.image_size = kSide;
  facts.channels = 3;
  facts.views = c.views;
  for (int64_t view = 0; view < c.views; ++view) facts.view_sizes.insert(facts.view_sizes.end(), {kSide, kSide});
  facts.batch_size = kBatch / group.world();
  facts.global_batch = kBatch;
  facts.world = group.world();
  facts.rank = group.rank();
  return facts;
}

std::filesystem::path file_of(const RankPlace& place, const std::string& what) {
  return place.folder / (what + " " + std::to_string(place.rank) + " of " + std::to_string(place.world));
}

const RankBody trains("trains an algorithm", [](const RankPlace& place) {
  const Case& c = *std::ranges::find_if(kCases, [&](const Case& one) { return one.name == place.argument; });
  const RankWorld world(place);
  bridge::Host host;
  bridge::Environment environment;
  environment.seed = 3;
  environment.group = &world.plugins();
  environment.sync_batch_norm = c.sync_batch_norm;
  host.set_environment(environment);
  const std::string folder = SELFSUP_BINARY_DIR "/lib/selfsup/plugins";
  plugin::Registry registry(host.table(), {{folder}});
  registry.load(folder + "/" + c.plugin);

  model::ParameterStore store;
  const Json config = resolved(registry, c.model, SSP_KIND_ALGORITHM);
  const bridge::Facts facts = facts_of(c, world.group());
  bridge::Algorithm algorithm(registry, config, facts, store);
  if (c.channels_last) model::lay_channels_last(store);
  store.initialise(static_cast<uint64_t>(place.rank));  // rank 0's are to be everybody's
  Watched task(algorithm, store);
  const auto reducer = world.reducer(train::trained_tensors(store), {.bucket_mb = 0.002});

  const RandomImages images;
  Json steps = Json::array();
  if (c.views == 2)
    steps.as_array().push_back(resolved(registry, R"({"type": "MultiView", "num_views": 2, "transforms": [[
      {"type": "RandomResizedCrop", "size": 16, "scale": [0.5, 1]}, {"type": "RandomFlip", "prob": 0.5}]]})",
                                        "transform"));
  const data::Pipeline pipeline(steps);
  data::Loader loader(images, pipeline,
                      {.batch_size = kBatch / place.world, .seed = 5, .shard = {place.rank, place.world}});
  input::Preprocessor preprocess(parse_json(R"({"mean": [127.5], "std": [64]})", "test", "test"), 3, at::kCPU);
  if (c.channels_last) preprocess.lay_channels_last();
  const Json optimizer_config = resolved(registry, c.optimizer, "optimizer");
  const auto optimizer = train::make_optimizer(
      optimizer_config,
      train::group_parameters(store.trained(), train::ParamRules(Json()), optimizer_config.get("lr").as_double(),
                              optimizer_config.get("weight_decay").as_double()));
  train::GradScaler scaler({}, at::kCPU);
  train::OptimizerStep step({preprocess, task, *optimizer, scaler, world.group(), *reducer, at::kCPU}, {}, {});
  train::Schedules schedules(Json(), {loader.batches_per_epoch(), 20, 0});
  const train::Course course({.by_epoch = false, .max_iters = 20, .max_epochs = 0}, loader.batches_per_epoch(), {},
                             bridge::Origin::fresh);
  train::LoopOptions options;
  options.log_interval = 1;
  train::Telemetry telemetry(world.group(), step.judges_norm(), step.logs_norm());
  train::Loop loop({loader, step, task, *optimizer, schedules, world.group(), telemetry}, options, course);
  loop.begin();
  Losses losses;
  if (loop.run(losses) != Exit::ok) throw std::runtime_error("not trained");

  if (place.world > 1 && reducer->buckets().size() < 3) throw std::runtime_error("too few buckets to be a test");
  const auto write = [&](const std::string& what, const std::vector<at::Tensor>& tensors) {
    std::ofstream out(file_of(place, what), std::ios::binary);
    for (const at::Tensor& tensor : tensors) {
      const at::Tensor row = tensor.detach().to(at::kDouble).flatten().contiguous();
      out.write(static_cast<const char*>(row.const_data_ptr()), static_cast<std::streamsize>(row.nbytes()));
    }
    if (!out.flush()) throw std::runtime_error("cannot write");
  };
  write("losses", {at::tensor(losses.values, at::kDouble)});
  write("gradients", task.gradients);
  std::vector<at::Tensor> values;
  for (const model::Entry& entry : store.entries()) values.push_back(entry.tensor);
  write("values", values);
});

at::Tensor read(const Scratch& scratch, const std::string& what, int rank, int world) {
  std::ifstream in(file_of({rank, world, scratch.path()}, what), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  at::Tensor all = at::empty({static_cast<int64_t>(bytes.size() / sizeof(double))}, at::kDouble);
  if (!bytes.empty()) std::memcpy(all.mutable_data_ptr(), bytes.data(), bytes.size());
  return all;
}

}  // namespace

TEST_CASE("an algorithm on several ranks learns what it learns in one process from the same images") {
  for (const Case& c : kCases) {
    const Scratch scratch;
    REQUIRE(failures(run_ranks(trains, 1, scratch.path(), c.name)) == "");
    const at::Tensor losses = read(scratch, "losses", 0, 1), gradients = read(scratch, "gradients", 0, 1);
    REQUIRE(losses.numel() == 20);
    REQUIRE(gradients.numel() > 1000);
    const double scale = gradients.abs().max().item<double>();
    const double first = losses[0].item<double>();
    CHECK((losses - first).abs().max().item<double>() > 0.02 * first);  // it learns
    for (const int world : {2, 3, 4}) {
      INFO(c.name << " on " << world);
      const auto ends = run_ranks(trains, world, scratch.path(), c.name);
      REQUIRE(failures(ends) == "");
      CHECK_THAT(ends[0].text, !Catch::Contains("Warning"));  // gradients lie as the Reducer expects
      CHECK(max_difference(read(scratch, "gradients", 0, world), gradients) < 2e-5 * scale);
      const at::Tensor own = read(scratch, "losses", 0, world);
      REQUIRE(own.sizes() == losses.sizes());
      CHECK(max_difference(own[0], losses[0]) < 1e-6 * first);
      // Now and then a value at a ReLU's corner falls to the other side, which changes the next gradient a little.
      CHECK(max_difference(own, losses) < 1e-3 * first);
      const at::Tensor values = read(scratch, "values", 0, world);
      REQUIRE(values.numel() > gradients.numel());
      for (int rank = 1; rank < world; ++rank) {
        INFO("rank " << rank);
        CHECK(at::equal(read(scratch, "values", rank, world), values));
      }
    }
  }
}

}  // namespace selfsup::test
