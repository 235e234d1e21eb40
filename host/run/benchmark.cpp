// The command that times a run's parts: the loader by itself, the step on one batch by itself, both as in training, and
// what the machine could do. Trains for some seconds, and leaves nothing behind.
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/log.h"
#include "cli/output.h"
#include "config/threads.h"
#include "report/table.h"
#include "run/commands.h"
#include "run/flops.h"
#include "run/training.h"

namespace selfsup::run {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point then) { return std::chrono::duration<double>(Clock::now() - then).count(); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The median time of a call in seconds, after two that do not count. work ends when the device has.
double time_of(double budget, const std::function<void()>& work) {
  constexpr size_t kFewest = 3, kMost = 1000;
  for (int i = 0; i < 2; ++i) work();
  std::vector<double> times;
  const auto begin = Clock::now();
  while (times.size() < kFewest || (seconds_since(begin) < budget && times.size() < kMost)) {
    const auto start = Clock::now();
    work();
    times.push_back(seconds_since(start));
  }
  return median(std::move(times));
}

// Images a second, once the first batches are there.
double loader_rate(data::Loader& loader, int64_t warm_up, double budget) {
  data::Batch batch;
  uint64_t epoch = 0;
  loader.start(epoch);
  const auto next = [&] {
    while (!loader.next(batch)) loader.start(++epoch);
  };
  for (int64_t i = 0; i < warm_up; ++i) next();
  int64_t images = 0;  // the last batch of an epoch may hold fewer
  const auto begin = Clock::now();
  do {
    next();
    images += batch.size;
  } while (seconds_since(begin) < budget);
  return static_cast<double>(images) / seconds_since(begin);
}

struct StepTimes {
  double forward, backward, update;  // seconds
  int64_t flops;                     // of matrix products and convolutions
  double whole() const { return forward + backward + update; }
};

// On one batch again and again. The parts are differences: forward; forward and backward; all.
StepTimes time_step(Training& training, const data::Batch& batch) {
  constexpr double kBudget = 1.5;  // seconds a part
  bridge::Step at = training.course.step();
  at.micro = 0;
  const auto run = [&](uint32_t micros) {
    at.micros = micros;
    training.step.run(at, batch).total.item<double>();
  };
  const double forward = time_of(kBudget, [&] {
    at.micros = 1;
    training.step.forward(at, batch).total.item<double>();
  });
  const double gradients = time_of(kBudget, [&] {
    run(2);  // the first of two batches: no update yet
    training.update.optimizer->clear_gradients();
  });
  const double whole = time_of(kBudget, [&] { run(1); });
  // What a fused function computes it tells nobody: the operations are those of single operators.
  bridge::Environment single = training.environment;
  single.fused = false;
  training.host.set_environment(single);
  const FlopCounter flops;
  run(1);
  training.host.set_environment(training.environment);
  return {forward, std::max(gradients - forward, 0.0), std::max(whole - gradients, 0.0), flops.count()};
}

// What a large square product of that type reaches on the device, in operations a second.
double product_peak(at::Device device, at::ScalarType type) {
  const int64_t n = device.is_cuda() ? 8192 : 1024;
  const at::Tensor a = at::randn({n, n}, device).to(type), b = at::randn({n, n}, device).to(type);
  at::Tensor out = at::empty({n, n}, a.options());
  const double each = time_of(1, [&] {
    at::mm_out(out, a, b);
    out[0][0].item<double>();
  });
  return 2 * std::pow(static_cast<double>(n), 3) / each;
}

// The loop as training runs it, until the time is over: seconds an iteration, and how many of them it waits for data.
class Watched final : public train::Outside {
 public:
  void log(report::TrainPoint point) override {
    if (seconds_since(begin_) < kWarmUp || ++points_ <= 2) return;
    times_.push_back(point.time);
    waits_.push_back(point.data_time);
  }
  std::string save(const std::string&, const train::Position&) override { return ""; }
  std::optional<Exit> stop_requested() override {
    const bool over = seconds_since(begin_) > kWarmUp + kBudget && times_.size() >= 3;
    return over ? std::optional(Exit::preempted) : std::nullopt;
  }
  double seconds() const { return mean(times_); }
  double waiting() const { return mean(waits_); }

 private:
  static constexpr double kWarmUp = 1, kBudget = 5;
  static double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  }

  Clock::time_point begin_ = Clock::now();
  int64_t points_ = 0;
  std::vector<double> times_, waits_;
};

void train_a_while(Training& training, Watched& watched) {
  train::LoopOptions options;
  options.log_interval = training.device.cuda ? 10 : 1;  // reading makes a GPU's host wait
  options.save.every = 0;
  options.save_last = false;
  train::Length length = training.course.length();
  length.by_epoch = false;
  length.max_iters = int64_t{1} << 40;  // until it is stopped, however short the run is to be
  const train::Course course(length, training.course.epoch_iters(), {}, training.course.step().origin);
  train::Loop loop({training.loader, training.step, training.model.task, *training.update.optimizer, training.schedules,
                    training.group, training.telemetry},
                   options, course);
  loop.begin();
  loop.run(watched);
}

// What to change, from what limits.
std::string advice(double loader, double one_worker, double step, int64_t workers, int cores, bool on_cpu) {
  if (loader >= step) {
    return fmt::format(
        "The step limits: the loader could feed {:.1f} times as many images.{}", loader / step,
        on_cpu && loader > 2 * step && workers > 1
            ? fmt::format(" It needs {} of its {} workers; fewer leave more of the processor to the step "
                          "(train_dataloader.num_workers).",
                          std::max<int64_t>(1, std::llround(std::ceil(step * 1.2 / one_worker))), workers)
            : "");
  }
  const auto wanted = static_cast<int64_t>(std::ceil(step * 1.1 / one_worker));
  const std::string limits =
      fmt::format("The loader limits: the step could take {:.1f} times as many images.", step / loader);
  if (workers >= cores || wanted <= workers) {
    return fmt::format(
        "{} All {} cores of this process are at work: cheaper transforms, smaller files or more cores help.", limits,
        cores);
  }
  return fmt::format("{} Set train_dataloader.num_workers={}{}.", limits, std::min<int64_t>(wanted, cores),
                     wanted > cores ? fmt::format(" (all cores; {} would be enough)", wanted) : "");
}

std::string number(double value) { return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 1000 ? 1 : 0); }

}  // namespace

int benchmark_command(const cli::CommandLine& line) {
  const std::unique_ptr<Prepared> prepared = prepare(line);
  const Settings settings = settle(prepared->config, line);
  const config::DataConfig& config = settings.config.data;
  const AllData all(*prepared, settings.config);
  Start start;
  if (!settings.config.load_from.empty()) start.origin = bridge::Origin::loaded;
  const uint64_t seed = settings.config.seed.value_or(0);
  Processes processes(*prepared, settings);
  Training training(*prepared, processes, settings, all, seed, start);
  const int64_t workers = *config.num_workers;
  log_info(fmt::format("{}; threads: {} to train, {} to read images; batches of {}", training.device.description,
                       settings.threads, workers, config.batch_size));
  log_info(training.fused.note);

  Watched together;
  train_a_while(training, together);
  const double loader = loader_rate(training.loader, config.prefetch + workers, 4);
  config::DataConfig single = config;
  single.num_workers = 1;
  double one_worker = loader;
  if (workers > 1) {
    data::Loader alone = make_loader(training.data, single, prepared->ranks, seed, {}, training.device);
    one_worker = loader_rate(alone, 1, 3);
  }
  data::Batch batch;
  training.loader.start(0);
  training.loader.next(batch);
  const auto images = static_cast<double>(batch.size);
  const double trained = static_cast<double>(training.loader.samples_per_epoch()) /
                         static_cast<double>(training.loader.batches_per_epoch());  // images an iteration
  const StepTimes step = time_step(training, batch);
  const at::ScalarType type = training.update.amp.dtype.value_or(at::kFloat);
  const double peak = product_peak(training.device.device, type);

  const auto row = [&](const std::string& name, double seconds) {
    return std::vector<std::string>{name, number(images / seconds), number(seconds * 1e3)};
  };
  const auto part = [&](const std::string& name, double seconds) {
    return std::vector<std::string>{"  " + name, "", number(seconds * 1e3)};
  };
  std::vector<std::vector<std::string>> rows = {{"", "images/s", fmt::format("ms a batch of {}", batch.size)}};
  rows.push_back(row(workers == 0 ? "loader, in the training thread" : fmt::format("loader, workers: {}", workers),
                     images / loader));
  if (workers > 1) rows.push_back(row("loader, workers: 1", images / one_worker));
  rows.push_back(row("step, on one batch", step.whole()));
  rows.push_back(part("forward", step.forward));
  rows.push_back(part("backward", step.backward));
  rows.push_back(part("optimizer", step.update));
  rows.push_back(row("training", together.seconds() * images / trained));
  std::string text = report::table_text(rows);
  text += fmt::format("\n\ntraining waits for images {:.1f} % of the time (data_time {} ms of {} ms)\n",
                      100 * together.waiting() / together.seconds(), number(together.waiting() * 1e3),
                      number(together.seconds() * 1e3));
  text += fmt::format(
      "a step has {} GFLOP of matrix products and convolutions: {} GFLOP/s, {:.0f} % of the {} GFLOP/s that a "
      "large product of {} reaches here\n",
      number(static_cast<double>(step.flops) / 1e9), number(static_cast<double>(step.flops) / step.whole() / 1e9),
      100 * static_cast<double>(step.flops) / step.whole() / peak, number(peak / 1e9),
      type == at::kFloat  ? "f32"
      : type == at::kHalf ? "f16"
                          : "bf16");
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  text += fmt::format("memory at its peak: {} MiB of the process", usage.ru_maxrss / 1024);
  if (const auto device = training.device.peak_memory_mib()) text += fmt::format(", {} MiB of the GPU", *device);
  const std::string change =
      advice(loader, one_worker, images / step.whole(), workers, config::allowed_cores(), !training.device.cuda);
  text += fmt::format("\n{}\n", change);
  print_out(text);
  return 0;
}

}  // namespace selfsup::run
