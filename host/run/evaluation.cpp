#include "run/evaluation.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/errors.h"
#include "report/picture.h"
#include "report/table.h"

namespace selfsup::run {
namespace {

constexpr int64_t kPictures = 8;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

data::Pipeline evaluation_pipeline(const data::ImageShape& view) {
  return data::Pipeline(data::evaluation_pipeline(view.height, view.width));
}

}  // namespace

Evaluation::Evaluation(const config::RunConfig& config, bridge::Algorithm& algorithm, model::ParameterStore& model,
                       const train::Preprocessor& preprocess, data::ImageShape view, at::Device device, uint64_t seed)
    : config_(config),
      algorithm_(algorithm),
      model_(model),
      preprocess_(preprocess),
      view_(view),
      device_(device),
      seed_(seed) {
  if (!config.probe) return;
  if (!algorithm.can_extract_features())
    throw Error(Exit::usage,
                "probe: this algorithm offers no features to judge; take \"probe\" out of the configuration");
  const config::ProbeConfig& asked = *config.probe;
  const auto load = [&](const Json& spec, int64_t limit) {
    const auto dataset = data::make_dataset(spec);
    return train::load_labelled(*dataset, evaluation_pipeline(view_), limit);
  };
  train::ProbeOptions options;
  options.k = asked.k;
  options.temperature = asked.temperature;
  options.few_labels = asked.few_labels;
  options.draws = asked.draws;
  options.batch_size = asked.batch_size;
  options.seed = seed;
  probe_.emplace(load(asked.dataset, asked.bank), load(asked.test_dataset, asked.queries), preprocess, options);
}

train::Probe::Features Evaluation::features() {
  return [this](const at::Tensor& images) {
    bridge::Step step;
    step.mode = bridge::Mode::eval;
    std::vector<std::string> layers;
    if (!config_.probe->feature.empty()) layers.push_back(config_.probe->feature);
    return algorithm_.features(step, images, layers).front().value.flatten(1);
  };
}

train::ProbeResult Evaluation::probe() {
  last_ = probe_->judge(features());
  return *last_;
}

void Evaluation::probe_baselines() {
  if (raw_) return;
  raw_ = probe_->judge_raw_pixels();
  initial_ = probe_->judge_random_initialisation(features(), model_, seed_);
}

std::string Evaluation::table() const {
  const config::ProbeConfig& asked = *config_.probe;
  const std::string linear =
      asked.few_labels ? fmt::format("linear probe, {} labels", asked.few_labels) : "linear probe, all labels";
  std::vector<std::vector<std::string>> rows = {{"features", fmt::format("kNN (k={})", asked.k), linear}};
  const auto add = [&](const char* name, const std::optional<train::ProbeResult>& result) {
    if (result) rows.push_back({name, percent(result->knn), percent(result->linear)});
  };
  add("raw pixels", raw_);
  add("random initialisation", initial_);
  add("this run", last_);
  std::string text = report::table_text(rows);
  if (raw_ && last_) {
    const auto against = [](double mine, double pixels) {
      const double gap = 100 * (mine - pixels);
      return gap > 1 ? "above" : gap < -1 ? "below" : "level with";
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
  const data::Pipeline pipeline = evaluation_pipeline(view_);
  std::vector<data::Image> images;
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < dataset.size() && static_cast<int64_t>(images.size()) < kPictures; ++i) {
    // Spread over the set, so that not all are of one class.
    const int64_t index = i * std::max<int64_t>(1, dataset.size() / kPictures) % dataset.size();
    try {
      data::Sample sample;
      sample.index = index;
      sample.views.push_back(dataset.load(index));
      data::SampleRandom random(0, 0, index);
      pipeline.apply(sample, random);
      images.push_back(std::move(sample.views.front()));
      indices.push_back(index);
    } catch (const data::BadImage&) {
      continue;
    }
  }
  if (images.empty()) return "";
  std::vector<at::Tensor> pixels;
  for (data::Image& image : images)
    pixels.push_back(at::from_blob(image.pixels.data(), {image.height, image.width, image.channels}, at::kByte));
  bridge::StepBatch batch;
  batch.views.push_back(preprocess_.normalise(at::stack(pixels)));
  batch.sample_index = at::tensor(at::ArrayRef<int64_t>(indices), at::kLong);
  bridge::Step step;
  step.mode = bridge::Mode::eval;
  report::Panel panel;
  panel.rows.resize(images.size());
  std::vector<at::Tensor> columns;  // keeps the pixels that the panel borrows
  for (const bridge::NamedTensor& column : algorithm_.reconstruct(step, batch)) {
    columns.push_back(preprocess_.denormalise(column.value).contiguous());
    const at::Tensor& bytes = columns.back();
    panel.columns.push_back(column.name);
    const int height = static_cast<int>(bytes.size(1)), width = static_cast<int>(bytes.size(2)),
              channels = static_cast<int>(bytes.size(3));
    const auto* first = bytes.const_data_ptr<uint8_t>();
    for (size_t row = 0; row < panel.rows.size(); ++row)
      panel.rows[row].push_back(
          {width, height, channels, first + row * static_cast<size_t>(height * width * channels)});
  }
  if (columns.empty()) return "";
  const std::string path = folder + "/reconstruction.png";
  report::write_png(path, report::compose(panel));
  return path;
}

}  // namespace selfsup::run
