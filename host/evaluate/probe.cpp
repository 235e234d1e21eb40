#include "evaluate/probe.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "base/random.h"
#include "evaluate/knn.h"
#include "evaluate/ridge.h"
#include "evaluate/whitening.h"

namespace selfsup::evaluate {
namespace {

constexpr double kLargestFeature = 1e15;

at::Tensor pixels_of(const at::Tensor& images) {
  const int64_t height = std::min(images.size(2), raw_pixel_side), width = std::min(images.size(3), raw_pixel_side);
  return at::adaptive_avg_pool2d(images, {height, width}).flatten(1);
}

}  // namespace

Probe::Probe(LabelledImages bank, LabelledImages queries, const input::Preprocessor& preprocess,
             const config::ProbeConfig& asked, uint64_t seed, const distributed::Group& group, JudgedBy by)
    : bank_(std::move(bank)),
      queries_(std::move(queries)),
      preprocess_(preprocess),
      asked_(asked),
      seed_(seed),
      group_(group),
      by_(by) {
  if (bank_.classes != queries_.classes)
    throw Error(Exit::usage,
                fmt::format("the probe's bank has {} classes, its queries {}", bank_.classes, queries_.classes));
}

std::vector<data::BadFile> Probe::bad_files() const {
  std::vector<data::BadFile> all = bank_.bad.files;
  all.insert(all.end(), queries_.bad.files.begin(), queries_.bad.files.end());
  return all;
}

int64_t Probe::linear_labels() const {
  const int64_t rows = bank_.labels.size(0);
  return asked_.few_labels > 0 ? std::min(asked_.few_labels, rows) : rows;
}

// [all rows, D], on every rank.
at::Tensor Probe::extract(const LabelledImages& images, const Features& features) const {
  at::NoGradGuard no_grad;
  const Share share(images.labels.size(0), asked_.batch_size, group_);
  const int64_t own = images.pixels.size(0), size = asked_.batch_size;
  std::vector<at::Tensor> out;
  for (int64_t start = 0; start < own; start += size) {
    const int64_t stop = std::min(own, start + size);
    out.push_back(checked(features(preprocess_.normalise(images.pixels.slice(0, start, stop))), images, start, stop));
  }
  return share.gather(at::cat(out));
}

// Of some of the images that this rank has: those from `start` up to `stop`.
at::Tensor Probe::checked(const at::Tensor& features, const LabelledImages& images, int64_t start, int64_t stop) const {
  const int64_t rows = stop - start;
  const at::Tensor got = features.detach().to(at::kFloat);
  if (got.dim() != 2 || got.size(0) != rows)
    throw Error(Exit::failed, fmt::format("the algorithm's features have shape [{}] for {} images; [{}, D] is due",
                                          fmt::join(got.sizes(), ", "), rows, rows));
  // Beyond the limit their squares, summed up, are no longer finite.
  const at::Tensor usable = (got.abs() <= kLargestFeature).all(1);
  if (usable.all().item<bool>()) return got;
  const int64_t bad = start + usable.logical_not().nonzero()[0].item<int64_t>();
  throw Error(
      Exit::failed,
      fmt::format("probe: the algorithm's {} have values that are not finite (NaN or infinity), or above {:g}, "
                  "first for {} of {}, so nothing can be judged by them; look at what `features` divides by, or takes "
                  "the logarithm or root of",
                  asked_.feature.empty() ? "features" : fmt::format("features '{}'", asked_.feature), kLargestFeature,
                  images.describe(bad), &images == &bank_ ? "probe.dataset" : "probe.test_dataset"));
}

Accuracies Probe::judge(const at::Tensor& bank, const at::Tensor& queries) const {
  if (group_.rank() != 0) return {};
  return judge_features(bank, bank_.labels, queries, queries_.labels, bank_.classes, asked_, seed_, by_);
}

ProbeResult Probe::evaluate(const Features& features) const {
  const at::Tensor queries = extract(queries_, features), bank = extract(bank_, features);
  if (group_.rank() != 0) return {};
  return {judge(bank, queries), gauges_of(queries), find_neighbours(bank, queries, queries_.labels, queries_.classes)};
}

Accuracies Probe::evaluate_raw_pixels() const { return judge(extract(bank_, pixels_of), extract(queries_, pixels_of)); }

Accuracies Probe::evaluate_whitened_pixels() const {
  const at::Tensor bank = extract(bank_, pixels_of);
  const Whitening whitening(bank, whitened_components);
  return judge(whitening(bank), whitening(extract(queries_, pixels_of)));
}

Accuracies Probe::evaluate_random_initialisation(const Features& features, model::ParameterStore& model,
                                                 uint64_t seed) const {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> trained;
  for (const model::Entry& entry : model.entries()) trained.push_back(entry.tensor.detach().clone());
  const auto put_back = [&] {
    for (size_t i = 0; i < trained.size(); ++i) model.entries()[i].tensor.detach().copy_(trained[i]);
  };
  try {
    model.initialise(seed);
    const Accuracies result = judge(extract(bank_, features), extract(queries_, features));
    put_back();
    return result;
  } catch (...) {
    put_back();
    throw;
  }
}

Accuracies judge_features(const at::Tensor& bank, const at::Tensor& bank_labels, const at::Tensor& queries,
                          const at::Tensor& query_labels, int64_t classes, const config::ProbeConfig& asked,
                          uint64_t seed, JudgedBy by) {
  at::NoGradGuard no_grad;
  Accuracies out;
  if (by != JudgedBy::linear) {
    const KnnResult nearest = knn(bank, bank_labels.to(bank.device()), queries, classes, asked.k, asked.temperature);
    out.knn = accuracy(nearest.predictions.cpu(), query_labels);
  }
  if (by == JudgedBy::knn) return out;
  const int64_t count = asked.few_labels > 0 ? asked.few_labels : bank.size(0);
  const int64_t draws = count < bank.size(0) ? asked.draws : 1;
  for (int64_t draw = 0; draw < draws; ++draw) {
    const auto rows = draw_labelled(bank_labels, classes, count, hash_key(seed, hash_name("probe"), draw));
    const at::Tensor index = at::tensor(at::ArrayRef<int64_t>(rows), at::kLong);
    const Ridge ridge(bank.index_select(0, index.to(bank.device())), bank_labels.index_select(0, index), classes);
    out.linear += accuracy(ridge.predict(queries), query_labels) / static_cast<double>(draws);
  }
  return out;
}

}  // namespace selfsup::evaluate
