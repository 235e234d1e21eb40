// Times the training step of the host: its loader, preprocessor, loop and optimizer around an algorithm's plugin, or
// around the masked autoencoder written against LibTorch. One process serves one case; bench/run starts it beside its
// peers and lets them take turns. Commands on stdin, one JSON line on stdout for each:
//   run N     N iterations: {"wall": [seconds, …], "cpu": seconds}
//   gemm      {"f32": GFLOP/s, "bf16": GFLOP/s} of a large matrix product with the same threads
//   quit      {"peak_mib": …, "buckets": how many times a step gradients are sent}, and ends
// The first line, unasked: {"loss", "losses", "grad_norm", "torch"} for fixed images and noise: the losses before any
// update and after each of --updates of them, and the first gradient's norm.
// Where the environment names several ranks, as torchrun does, this is one of them. --no-overlap: no gradient is sent
// before backward is over; --fitted: the buckets of ranks on several machines.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <torch/version.h>

#include <chrono>
#include <iostream>

#include "base/random.h"
#include "bridge/host.h"
#include "bridge/testing.h"
#include "case.h"
#include "checkpoint/safetensors.h"
#include "config/schema.h"
#include "device/device.h"
#include "device/memory.h"
#include "distributed/reducer.h"
#include "distributed/world.h"
#include "launch/ranks.h"
#include "model/memory_format.h"
#include "native_mae.h"
#include "report/log_line.h"
#include "run/component_schemas.h"
#include "ssp/entry.h"
#include "train/clip.h"
#include "train/loop.h"

using namespace selfsup;

namespace {

using Clock = std::chrono::steady_clock;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void say(const std::string& line) { std::cout << line << std::endl; }

// GFLOP/s of [n, n] x [n, n], the best of a few.
double gemm_rate(at::ScalarType type) {
  const at::NoGradGuard no_grad;
  const int64_t n = 2048;
  const at::Tensor a = at::randn({n, n}).to(type), b = at::randn({n, n}).to(type);
  at::Tensor c = at::mm(a, b);
  double best = 0;
  for (int i = 0; i < 8; ++i) {
    const auto start = Clock::now();
    at::mm_out(c, a, b);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 2e-9 * static_cast<double>(n * n * n) / seconds);
  }
  return best;
}

// Images of random bytes, held in memory: reading one is a copy.
class RandomImages : public data::Dataset {
 public:
  RandomImages(int64_t size, int64_t side, int64_t channels)
      : size_(size), shape_{static_cast<int>(side), static_cast<int>(side), static_cast<int>(channels)} {
    bytes_.resize(static_cast<size_t>(size * side * side * channels));
    KeyedRandom random(7);
    for (uint8_t& byte : bytes_) byte = static_cast<uint8_t>(random.below(256));
  }
  int64_t size() const override { return size_; }
  int channels() const override { return shape_.channels; }
  data::ImageShape image_shape() const override { return shape_; }
  std::string describe(int64_t index) const override { return std::to_string(index); }
  void load(int64_t index, data::Image& out) const override {
    out.reshape(shape_.height, shape_.width, shape_.channels);
    const size_t bytes = bytes_.size() / static_cast<size_t>(size_);
    std::copy_n(bytes_.data() + static_cast<size_t>(index) * bytes, bytes, out.pixels.begin());
  }

 private:
  int64_t size_;
  data::ImageShape shape_;
  std::vector<uint8_t> bytes_;
};

// Serves commands between two iterations.
class Turns : public train::Outside {
 public:
  explicit Turns(const distributed::Reducer& reducer) : reducer_(reducer) {}

  void wait() {
    for (std::string line; std::getline(std::cin, line);) {
      if (line.rfind("run ", 0) == 0) {
        left_ = std::stoi(line.substr(4));
        walls_.clear();
        cpu_ = cpu_seconds();
        mark_ = Clock::now();
        return;
      }
      if (line == "gemm") {
        say(fmt::format(R"({{"f32": {}, "bf16": {}}})", gemm_rate(at::kFloat), gemm_rate(at::kBFloat16)));
      } else if (line == "quit") {
        say(fmt::format(R"({{"peak_mib": {}, "buckets": {}}})", report::peak_memory_mib(), reducer_.buckets().size()));
        break;
      } else {
        throw std::runtime_error("unknown command: " + line);
      }
    }
    over_ = true;
  }
  bool over() const { return over_; }

  void progress(const train::Position&, int64_t) override {
    if (over_) return;  // several ranks stop at a step that they have agreed on, which may be the next one
    const auto now = Clock::now();
    walls_.push_back(std::chrono::duration<double>(now - mark_).count());
    mark_ = now;
    if (--left_ > 0) return;
    say(fmt::format(R"({{"wall": [{}], "cpu": {}}})", fmt::join(walls_, ", "), cpu_seconds() - cpu_));
    wait();
  }
  std::optional<Exit> stop_requested() override { return over_ ? std::optional(Exit::interrupted) : std::nullopt; }
  std::string save(const std::string&, const train::Position&) override { return {}; }

 private:
  const distributed::Reducer& reducer_;
  int left_ = 0;
  bool over_ = false;
  double cpu_ = 0;
  Clock::time_point mark_;
  std::vector<double> walls_;
};

// A node with the defaults of its schema filled in.
Json resolved(Json node, const Json& schema, const plugin::Registry& registry) {
  config::throw_if_any(config::validate(node, schema, "bench", run::component_schemas(registry)));
  return node;
}
// The schema of a node whose "type" names a component of that kind.
Json component(const char* kind) { return Json(Json::Object{{"type", "object"}, {"x-ssp-component", kind}}); }

// Several views of an image differ by a flip, which costs next to nothing.
data::Pipeline pipeline_of(int64_t views, const plugin::Registry& registry) {
  if (views == 1) return {};
  const Json spec = parse_json(
      fmt::format(
          R"([{{"type": "MultiView", "num_views": {}, "transforms": [[{{"type": "RandomFlip", "prob": 0.5}}]]}}])",
          views),
      "pipeline", "bench");
  return data::Pipeline(
      resolved(spec, Json(Json::Object{{"type", "array"}, {"items", component("transform")}}), registry));
}

// The model's tensors, "view0", "view1", …, and "noise" if there is any.
void write_state(const std::string& path, const model::ParameterStore& store, const bridge::StepBatch& batch,
                 const at::Tensor& noise) {
  std::vector<at::Tensor> held;
  std::vector<checkpoint::TensorView> views;
  const auto add = [&](const std::string& name, const at::Tensor& t) {
    views.push_back(train::to_view(name, held.emplace_back(t.detach().contiguous())));
  };
  for (const model::Entry& entry : store.entries()) add(entry.name, entry.tensor);
  for (size_t i = 0; i < batch.views.size(); ++i) add(fmt::format("view{}", i), batch.views[i]);
  if (noise.numel() > 0) add("noise", noise);
  const checkpoint::SafetensorsLayout layout(views);
  ::unlink(path.c_str());
  checkpoint::HashingFile file(AT_FDCWD, path, path, layout.file_bytes());
  layout.write(file);
  file.finish();
}

struct Arguments {
  std::string case_json, plugins, state;
  bool native = false, no_overlap = false, fitted = false;
  int threads = 1, updates = 0;
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--native" || flag == "--no-overlap" || flag == "--fitted") {
      (flag == "--native" ? out.native : flag == "--fitted" ? out.fitted : out.no_overlap) = true;
      continue;
    }
    if (++i == argc) throw std::runtime_error(flag + " needs a value");
    if (flag == "--case") {
      out.case_json = argv[i];
    } else if (flag == "--plugins") {
      out.plugins = argv[i];
    } else if (flag == "--state") {
      out.state = argv[i];
    } else if (flag == "--threads") {
      out.threads = std::stoi(argv[i]);
    } else if (flag == "--updates") {
      out.updates = std::stoi(argv[i]);
    } else {
      throw std::runtime_error("unknown flag " + flag);
    }
  }
  return out;
}

std::unique_ptr<distributed::World> meet() {
  const launch::Environment environment = launch::this_environment();
  const launch::Ranks ranks = launch::find_ranks({}, environment);
  if (ranks.world == 1) return std::make_unique<distributed::World>();
  const launch::Meeting meeting = launch::find_meeting(ranks, {}, {}, environment);
  return std::make_unique<distributed::World>(ranks, meeting, std::chrono::minutes(10));
}

std::unique_ptr<distributed::Reducer> make_reducer(const distributed::World& world,
                                                   const std::vector<model::Entry*>& trained, bool no_overlap,
                                                   bool fitted) {
  std::vector<std::pair<std::string, at::Tensor>> parameters;
  distributed::Buckets all(1);
  for (const model::Entry* entry : trained) {
    all.front().push_back(static_cast<int64_t>(parameters.size()));
    parameters.emplace_back(entry->name, entry->tensor);
  }
  distributed::ReducerOptions options;
  if (!fitted) options.bucket_mb = no_overlap ? 1e5 : 25;
  auto reducer = distributed::make_reducer(world, parameters, options);
  // Buckets are sent in their order. The gradients of the first parameters come last, and the others wait for them.
  if (no_overlap) reducer->take_buckets(all);
  return reducer;
}

// The gate: losses of the batch before and after each update, and the norm of the first gradient.
std::string first_steps(train::Task& task, const bridge::StepBatch& batch, train::Optimizer& optimizer,
                        distributed::Reducer& reducer, const train::AmpSettings& amp, int updates) {
  std::vector<double> losses;
  double norm = 0;
  for (int update = 0; update <= updates; ++update) {
    reducer.before_forward();
    std::vector<bridge::NamedTensor> terms;
    {
      const train::AutocastScope autocast(at::kCPU, amp.dtype);
      terms = task.training_step({}, batch);
    }
    const at::Tensor loss = terms.at(0).value;
    losses.push_back(loss.item<double>());
    reducer.before_backward(loss);
    loss.backward();
    reducer.after_backward(optimizer.gradients());
    if (update == 0) norm = train::gradient_norm(optimizer.gradients(), 2).item<double>();
    if (update < updates) optimizer.step();
    optimizer.clear_gradients();
    reducer.after_update();
  }
  return fmt::format(R"({{"loss": {}, "losses": [{}], "grad_norm": {}, "torch": "{}"}})", losses[0],
                     fmt::join(losses, ", "), norm, TORCH_VERSION);
}

void serve(const Arguments& arguments) {
  const bench::Case c(parse_json(arguments.case_json, "--case", "case"));
  device::keep_freed_memory();
  device::set_threads(arguments.threads, 1);
  const std::unique_ptr<distributed::World> world = meet();
  const distributed::Group& group = world->group();
  bridge::Host host;
  plugin::Registry registry(host.table(), {{arguments.plugins}});
  bridge::Environment environment;
  environment.group = &world->plugins();
  environment.fused = true;  // as by default
  host.set_environment(environment);
  registry.load(arguments.plugins + "/" + c.plugin);

  model::ParameterStore store;
  bridge::Facts facts;
  facts.image_size = c.image;
  facts.channels = c.channels;
  facts.views = c.views;
  facts.batch_size = c.batch;
  facts.rank = group.rank();
  facts.world = group.world();
  const Json model = resolved(c.model, component(SSP_KIND_ALGORITHM), registry);
  bridge::Algorithm algorithm(registry, model, facts, store);
  if (c.channels_last) model::lay_channels_last(store);
  store.initialise(0);
  const std::vector<model::Entry*> trained = store.trained();
  const Json optimizer_config = resolved(c.optimizer, component("optimizer"), registry);
  const train::ParamRules rules(c.paramwise);
  const auto optimizer = train::make_optimizer(
      optimizer_config, train::group_parameters(trained, rules, optimizer_config.get("lr").as_double(),
                                                optimizer_config.get("weight_decay").as_double()));
  train::AmpSettings amp;
  if (c.bf16) amp.dtype = at::kBFloat16;

  const auto reducer = make_reducer(*world, trained, arguments.no_overlap, arguments.fitted);

  // What every peer must compute, too; each rank has images of its own.
  at::Generator generator = at::detail::createCPUGenerator(11 + static_cast<uint64_t>(group.rank()));
  bridge::StepBatch batch;
  const auto format = c.channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  for (int64_t i = 0; i < c.views; ++i)
    batch.views.push_back(at::randn({c.batch, c.channels, c.image, c.image}, generator).contiguous(format));
  batch.sample_index = at::arange(c.batch);
  const at::Tensor noise = at::rand({c.batch, c.noise}, generator);
  if (!arguments.state.empty()) write_state(arguments.state, store, batch, noise);
  train::AlgorithmTask plugin_task(algorithm);
  std::optional<bench::NativeMae> native_task;
  if (arguments.native) native_task.emplace(c, store);
  train::Task& task = native_task ? static_cast<train::Task&>(*native_task) : plugin_task;
  bridge::testing::replace_per_sample([&](std::string_view, int64_t, int64_t) { return noise; });
  if (native_task) native_task->noise = [&](int64_t, int64_t) { return noise; };
  const std::string first = first_steps(task, batch, *optimizer, *reducer, amp, arguments.updates);
  bridge::testing::replace_per_sample({});
  if (native_task) native_task->noise = {};
  say(first);

  const RandomImages images(std::max<int64_t>(4 * c.batch * group.world(), 64), c.image, c.channels);
  const data::Pipeline pipeline = pipeline_of(c.views, registry);
  data::Loader loader(
      images, pipeline,
      {.batch_size = c.batch, .num_workers = 1, .drop_last = true, .shard = {group.rank(), group.world()}});
  input::Preprocessor preprocess(parse_json(R"({"mean": [127.5], "std": [73.9]})", "preprocessor", "bench"), c.channels,
                                 at::kCPU);
  if (c.channels_last) preprocess.lay_channels_last();
  train::Schedules schedules(Json(), {loader.batches_per_epoch(), 1 << 30, 0});
  Turns turns(*reducer);
  turns.wait();
  if (turns.over()) return;
  train::LoopOptions options;
  options.save = {0, false};
  options.save_last = false;
  train::GradScaler scaler(amp, at::kCPU);
  train::OptimizerStep step({preprocess, task, *optimizer, scaler, group, *reducer, at::kCPU}, amp, {});
  const train::Course course({.by_epoch = false, .max_iters = 1 << 30, .max_epochs = 0}, loader.batches_per_epoch(), {},
                             bridge::Origin::fresh);
  train::Telemetry telemetry(group, step.judges_norm(), step.logs_norm());
  train::Loop loop({loader, step, task, *optimizer, schedules, group, telemetry}, options, course);
  loop.begin();
  loop.run(turns);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    serve(parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_step: " << error.what() << "\n";
    return 1;
  }
}
