#include "evaluate/evaluation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "evaluate/probe.h"
#include "evaluate/probe_sets.h"
#include "evaluate/samples.h"
#include "report/table.h"

namespace selfsup::evaluate {
namespace {

using Baselines = std::vector<std::pair<std::string, Accuracies>>;

std::vector<std::string> row(const std::string& name, const Accuracies& result, JudgedBy by) {
  const auto percent = [](double share) { return fmt::format("{:.1f} %", 100 * share); };
  std::vector<std::string> cells = {name};
  if (by != JudgedBy::linear) cells.push_back(percent(result.knn));
  if (by != JudgedBy::knn) cells.push_back(percent(result.linear));
  return cells;
}

std::string against(double mine, double pixels) {
  const double gap = 100 * (mine - pixels);
  return gap > 1 ? "above" : gap < -1 ? "below" : "level";
}

class ProbeEvaluation final : public Evaluation {
 public:
  ProbeEvaluation(const config::RunConfig& config, std::shared_ptr<const ProbeSets> sets, const data::ImageShape& view,
                  const Subject& subject);
  void rehearse(const bridge::Step& at) override;
  void run(const bridge::Step& at, const Report& report) override;
  std::vector<std::function<void()>> closing(const bridge::Step& at, const Report& report) override;
  std::optional<Captioned> neighbours() const override;
  std::vector<data::BadFile> bad_files() const override;

 private:
  const Probe& probe();
  Probe::Features features(const bridge::Step& at);
  std::string table(const Baselines& baselines);

  const config::ProbeConfig& asked_;
  const config::DataConfig& data_;
  std::shared_ptr<const ProbeSets> sets_;
  data::ImageShape view_;
  data::Pipeline pipeline_;
  Subject subject_;
  std::optional<LabelledSet> bank_, queries_;
  std::unique_ptr<Probe> probe_;  // its images are read when they are first needed, if a run gets there
  ProbeResult last_;
};

ProbeEvaluation::ProbeEvaluation(const config::RunConfig& config, std::shared_ptr<const ProbeSets> sets,
                                 const data::ImageShape& view, const Subject& subject)
    : asked_(*config.probe),
      data_(config.data),
      sets_(std::move(sets)),
      view_(view),
      pipeline_(data::evaluation_pipeline(view.height, view.width)),
      subject_(subject) {
  if (!subject.algorithm.can_extract_features())
    throw Error(Exit::usage,
                "probe: this algorithm offers no features to judge (its plugin has no function `features`); take "
                "\"probe\" out of the configuration");
}

void ProbeEvaluation::rehearse(const bridge::Step& at) {
  const data::Batch batch = spread_batch(*sets_->bank, pipeline_, 1, 0, 0);
  if (batch.size == 0) return;  // reading the bank will say so
  const at::NoGradGuard no_grad;
  features(at)(subject_.preprocess.prepare(batch).views.front());
}

void ProbeEvaluation::run(const bridge::Step& at, const Report& report) {
  last_ = probe().evaluate(features(at));
  if (subject_.group.rank() != 0) return;
  const Gauges& gauges = last_.gauges;
  std::string line = fmt::format("Probe [{}]", at.iter);
  report::Scalars numbers;
  if (subject_.by != JudgedBy::linear) {
    line += fmt::format("  kNN: {:.2f} %", 100 * last_.knn);
    numbers.emplace_back("probe/knn", last_.knn);
  }
  if (subject_.by != JudgedBy::knn) {
    line += fmt::format("  linear probe: {:.2f} %", 100 * last_.linear);
    numbers.emplace_back("probe/linear", last_.linear);
  }
  numbers.emplace_back("probe/feature_std", gauges.feature_std);
  numbers.emplace_back("probe/effective_rank", gauges.effective_rank);
  report(line + fmt::format("  feature std: {:.3f}  effective rank: {:.1f}", gauges.feature_std, gauges.effective_rank),
         numbers);
}

// The run's own features, the baselines, and a table of both.
std::vector<std::function<void()>> ProbeEvaluation::closing(const bridge::Step& at, const Report& report) {
  std::vector<std::function<void()>> works = {[=, this] { run(at, report); }};
  const auto baselines = std::make_shared<Baselines>();
  if (asked_.baselines) {
    const bool smaller = std::max(view_.height, view_.width) > raw_pixel_side;
    const std::string raw = smaller ? fmt::format("raw pixels, at most {0}x{0}", raw_pixel_side) : "raw pixels";
    works.emplace_back([=, this] { baselines->emplace_back(raw, probe().evaluate_raw_pixels()); });
    if (asked_.whitened_pixels)
      works.emplace_back(
          [=, this] { baselines->emplace_back(raw + ", whitened", probe().evaluate_whitened_pixels()); });
    works.emplace_back([=, this] {
      baselines->emplace_back("random initialisation",
                              probe().evaluate_random_initialisation(features(at), subject_.model, subject_.seed));
    });
  }
  works.emplace_back([=, this] {
    if (subject_.group.rank() == 0) report(table(*baselines), {});
  });
  return works;
}

// Ends with a sentence on how to read it.
std::string ProbeEvaluation::table(const Baselines& baselines) {
  std::vector<std::vector<std::string>> rows = {{"features"}};
  if (subject_.by == JudgedBy::both) rows[0].push_back(fmt::format("kNN (k={})", asked_.k));
  if (subject_.by == JudgedBy::knn) rows[0].push_back(fmt::format("kNN (k={}, T={})", asked_.k, asked_.temperature));
  if (subject_.by != JudgedBy::knn) rows[0].push_back(fmt::format("linear probe, {} labels", probe().linear_labels()));
  for (const auto& [name, result] : baselines) rows.push_back(row(name, result, subject_.by));
  rows.push_back(row("this run", last_, subject_.by));
  std::string text = report::table_text(rows);
  if (baselines.empty() || subject_.by != JudgedBy::both) return text;
  const Accuracies& raw = baselines.front().second;
  return text + fmt::format(
                    "\nAgainst raw pixels, often a strong baseline on small images, this run is {} by kNN and {} by "
                    "the linear probe.",
                    against(last_.knn, raw.knn), against(last_.linear, raw.linear));
}

// The few images that are shown are read again: of several ranks this one has but a share of them.
std::optional<Captioned> ProbeEvaluation::neighbours() const {
  const Neighbours& found = last_.neighbours;
  if (found.queries.empty()) return std::nullopt;
  Neighbours shown;  // the rows of what is read
  std::vector<int64_t> rows;
  for (const std::vector<int64_t>& nearest : found.nearest) {
    shown.queries.push_back(static_cast<int64_t>(shown.queries.size()));
    std::vector<int64_t>& places = shown.nearest.emplace_back();
    for (const int64_t row : nearest) {
      places.push_back(static_cast<int64_t>(rows.size()));
      rows.push_back(row);
    }
  }
  const LabelledImages bank = bank_->load(rows), queries = queries_->load(found.queries);
  return Captioned{neighbours_sheet(shown, bank, queries, sets_->bank->class_names()),
                   neighbours_caption(shown, bank, queries)};
}

std::vector<data::BadFile> ProbeEvaluation::bad_files() const {
  return probe_ ? probe_->bad_files() : std::vector<data::BadFile>();
}

const Probe& ProbeEvaluation::probe() {
  if (probe_) return *probe_;
  const auto load = [&](const char* key, std::optional<LabelledSet>& rows, const data::Dataset& set, int64_t limit) {
    try {
      rows.emplace(set, pipeline_, limit, static_cast<int>(*data_.num_workers), data_.max_bad_fraction);
      return rows->load(Share(rows->size(), asked_.batch_size, subject_.group), subject_.group);
    } catch (const Error& error) {
      throw Error(error.exit(), fmt::format("probe.{}: {}", key, error.what()));
    }
  };
  LabelledImages bank = load("dataset", bank_, *sets_->bank, asked_.bank),
                 queries = load("test_dataset", queries_, *sets_->queries, asked_.queries);
  probe_ = std::make_unique<Probe>(std::move(bank), std::move(queries), subject_.preprocess, asked_, subject_.seed,
                                   subject_.group, subject_.by);
  return *probe_;
}

Probe::Features ProbeEvaluation::features(const bridge::Step& at) {
  return [this, at](const at::Tensor& images) {
    std::vector<std::string> layers;
    if (!asked_.feature.empty()) layers.push_back(asked_.feature);
    return subject_.algorithm.features(at, images, layers).front().value.flatten(1);
  };
}

}  // namespace

EvaluationMaker open_evaluation(const config::RunConfig& config, const data::Reading& reading,
                                const data::ImageShape& view) {
  if (!config.probe) return [](const Subject&) { return std::make_unique<Evaluation>(); };
  const auto sets = std::make_shared<const ProbeSets>(open_probe_sets(*config.probe, reading));
  for (const auto& [key, set] : {std::pair("dataset", sets->bank.get()), {"test_dataset", sets->queries.get()}})
    if (set->channels() != view.channels)
      throw Error(Exit::usage, fmt::format("probe.{} has images of {} channels where training has {}", key,
                                           set->channels(), view.channels));
  return [&config, sets, view](const Subject& subject) {
    return std::make_unique<ProbeEvaluation>(config, sets, view, subject);
  };
}

}  // namespace selfsup::evaluate
