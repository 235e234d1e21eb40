#include "evaluate/evaluation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "evaluate/picture.h"
#include "report/table.h"

namespace selfsup::evaluate {
namespace {

constexpr int64_t kPictures = 8;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

data::Pipeline evaluation_pipeline(const data::ImageShape& view) {
  return data::Pipeline(data::evaluation_pipeline(view.height, view.width));
}

// u8 [N,H,W,C]
at::Tensor pixels_of(const std::vector<data::Sample>& samples) {
  std::vector<at::Tensor> pixels;
  for (const data::Sample& sample : samples) {
    const data::Image& image = sample.views.front();
    pixels.push_back(at::from_blob(const_cast<uint8_t*>(image.pixels.data()),
                                   {image.height, image.width, image.channels}, at::kByte));
  }
  return at::stack(pixels);
}

}  // namespace

ProbeSets open_probe_sets(const config::ProbeConfig& asked) {
  ProbeSets sets{data::make_dataset(asked.dataset), data::make_dataset(asked.test_dataset)};
  for (const auto* set : {&sets.bank, &sets.queries})
    if (!(*set)->has_labels())
      throw Error(Exit::usage, fmt::format("probe.{} has no labels to judge features by",
                                           set == &sets.bank ? "dataset" : "test_dataset"));
  const std::vector<std::string> bank = sets.bank->class_names(), queries = sets.queries->class_names();
  if (sets.bank->class_count() != sets.queries->class_count())
    throw Error(Exit::usage, fmt::format("probe.dataset has {} classes, probe.test_dataset {}",
                                         sets.bank->class_count(), sets.queries->class_count()));
  if (bank.empty() || queries.empty()) return sets;
  for (size_t i = 0; i < bank.size(); ++i)
    if (bank[i] != queries[i])
      throw Error(Exit::usage, fmt::format("class {} is \"{}\" in probe.dataset and \"{}\" in probe.test_dataset: the "
                                           "same label must mean the same",
                                           i, bank[i], queries[i]));
  return sets;
}

std::vector<data::Sample> some_pictures(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t count) {
  std::vector<data::Sample> out;
  count = std::min(count, dataset.size());
  for (int64_t part = 0; part < count; ++part) {
    // The first of this part of the set that can be used.
    for (int64_t index = part * dataset.size() / count; index < (part + 1) * dataset.size() / count; ++index) {
      try {
        data::Sample sample;
        sample.index = index;
        sample.views.push_back(dataset.load(index));
        data::SampleRandom random(0, 0, index);
        pipeline.apply(sample, random);
        out.push_back(std::move(sample));
        break;
      } catch (const data::BadImage&) {
        continue;
      }
    }
  }
  return out;
}

Evaluation::Evaluation(const config::RunConfig& config, const ProbeSets& sets, bridge::Algorithm& algorithm,
                       model::ParameterStore& model, const input::Preprocessor& preprocess, data::ImageShape view,
                       uint64_t seed)
    : config_(config),
      sets_(sets),
      algorithm_(algorithm),
      model_(model),
      preprocess_(preprocess),
      view_(view),
      seed_(seed) {
  if (config.probe && !algorithm.can_extract_features())
    throw Error(Exit::usage,
                "probe: this algorithm offers no features to judge; take \"probe\" out of the configuration");
  for (const auto* set : {&sets.bank, &sets.queries})
    if (*set && (*set)->channels() != view.channels)
      throw Error(Exit::usage,
                  fmt::format("probe.{} has pictures of {} channels where training has {}",
                              set == &sets.bank ? "dataset" : "test_dataset", (*set)->channels(), view.channels));
}

void Evaluation::rehearse() {
  if (!config_.probe) return;
  const std::vector<data::Sample> pictures = some_pictures(*sets_.bank, evaluation_pipeline(view_), 1);
  if (pictures.empty()) return;  // reading the bank will say so
  const at::NoGradGuard no_grad;
  features()(preprocess_.normalise(pixels_of(pictures)));
}

const Probe& Evaluation::loaded_probe() {
  if (probe_) return *probe_;
  const config::ProbeConfig& asked = *config_.probe;
  const auto load = [&](const char* key, const data::Dataset& set, int64_t limit) {
    try {
      return load_labelled(set, evaluation_pipeline(view_), limit, static_cast<int>(*config_.data.num_workers),
                           config_.data.max_bad_fraction);
    } catch (const Error& error) {
      throw Error(error.exit(), fmt::format("probe.{}: {}", key, error.what()));
    }
  };
  ProbeOptions options;
  options.k = asked.k;
  options.temperature = asked.temperature;
  options.few_labels = asked.few_labels;
  options.draws = asked.draws;
  options.batch_size = asked.batch_size;
  options.seed = seed_;
  LabelledImages bank = load("dataset", *sets_.bank, asked.bank),
                 queries = load("test_dataset", *sets_.queries, asked.queries);
  return probe_.emplace(std::move(bank), std::move(queries), preprocess_, options);
}

std::vector<data::BadFile> Evaluation::bad_files() const {
  return probe_ ? probe_->bad_files() : std::vector<data::BadFile>();
}

Probe::Features Evaluation::features() {
  return [this](const at::Tensor& images) {
    bridge::Step step;
    step.mode = bridge::Mode::eval;
    std::vector<std::string> layers;
    if (!config_.probe->feature.empty()) layers.push_back(config_.probe->feature);
    return algorithm_.features(step, images, layers).front().value.flatten(1);
  };
}

ProbeResult Evaluation::probe() {
  last_ = loaded_probe().evaluate(features());
  return *last_;
}

void Evaluation::probe_raw_pixels() { raw_ = loaded_probe().evaluate_raw_pixels(); }

void Evaluation::probe_random_initialisation() {
  initial_ = loaded_probe().evaluate_random_initialisation(features(), model_, seed_);
}

std::string Evaluation::table() const {
  const config::ProbeConfig& asked = *config_.probe;
  const std::string linear = probe_ ? fmt::format("linear probe, {} labels", probe_->linear_labels()) : "linear probe";
  std::vector<std::vector<std::string>> rows = {{"features", fmt::format("kNN (k={})", asked.k), linear}};
  const auto add = [&](const std::string& name, const std::optional<ProbeResult>& result) {
    if (result) rows.push_back({name, percent(result->knn), percent(result->linear)});
  };
  const int64_t side = raw_pixel_side;
  add(std::max(view_.height, view_.width) > side ? fmt::format("raw pixels, at most {0}x{0}", side) : "raw pixels",
      raw_);
  add("random initialisation", initial_);
  add("this run", last_);
  std::string text = report::table_text(rows);
  if (raw_ && last_) {
    const auto against = [](double mine, double pixels) {
      const double gap = 100 * (mine - pixels);
      return gap > 1 ? "above" : gap < -1 ? "below" : "level";
    };
    text += fmt::format(
        "\nAgainst raw pixels, often a strong baseline on small images, this run is {} by kNN and {} by the linear "
        "probe.",
        against(last_->knn, raw_->knn), against(last_->linear, raw_->linear));
  }
  return text;
}

std::string Evaluation::draw(const data::Dataset& dataset, const std::string& folder) {
  if (!algorithm_.can_reconstruct()) return "";
  const std::vector<data::Sample> samples = some_pictures(dataset, evaluation_pipeline(view_), kPictures);
  if (samples.empty()) return "";
  std::vector<int64_t> indices;
  for (const data::Sample& sample : samples) indices.push_back(sample.index);
  bridge::StepBatch batch;
  batch.views.push_back(preprocess_.normalise(pixels_of(samples)));
  batch.sample_index = at::tensor(at::ArrayRef<int64_t>(indices), at::kLong);
  bridge::Step step;
  step.mode = bridge::Mode::eval;
  std::vector<std::vector<ImageView>> rows(samples.size());
  std::vector<std::string> names;
  std::vector<at::Tensor> columns;  // keeps the pixels that the rows borrow
  for (const bridge::NamedTensor& column : algorithm_.reconstruct(step, batch)) {
    columns.push_back(preprocess_.denormalise(column.value).contiguous());
    const at::Tensor& bytes = columns.back();
    names.push_back(column.name);
    const int height = static_cast<int>(bytes.size(1)), width = static_cast<int>(bytes.size(2)),
              channels = static_cast<int>(bytes.size(3));
    const auto* first = bytes.const_data_ptr<uint8_t>();
    for (size_t row = 0; row < rows.size(); ++row)
      rows[row].push_back({width, height, channels, first + row * static_cast<size_t>(height * width * channels)});
  }
  if (columns.empty()) return "";
  const std::string path = folder + "/reconstruction.png";
  write_png(path, compose(rows));
  return fmt::format("{}; its columns: {}", path, fmt::join(names, ", "));
}

}  // namespace selfsup::evaluate
