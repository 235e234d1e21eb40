#include "evaluate/probe_sets.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "base/errors.h"

namespace selfsup::evaluate {
namespace {

// Names that only one of the sets has, "" when there are none or they are not known.
std::string classes_of_one(const ProbeSets& sets) {
  std::vector<std::string> bank = sets.bank->class_names(), queries = sets.queries->class_names();
  if (bank.empty() || queries.empty()) return "";
  std::ranges::sort(bank);
  std::ranges::sort(queries);
  constexpr size_t kNamed = 5;
  std::string text;
  const auto add = [&](const char* here, const char* there, const auto& of, const auto& without) {
    std::vector<std::string> only;
    std::ranges::set_difference(of, without, std::back_inserter(only));
    if (only.empty()) return;
    const size_t more = only.size() - std::min(only.size(), kNamed);
    only.resize(only.size() - more);
    text += fmt::format("; {} is without {}, which {} has{}", there, fmt::join(only, ", "), here,
                        more > 0 ? fmt::format(" ({} more are left out here)", more) : "");
  };
  add("probe.dataset", "probe.test_dataset", bank, queries);
  add("probe.test_dataset", "probe.dataset", queries, bank);
  return text;
}

}  // namespace

ProbeSets open_probe_sets(const config::ProbeConfig& asked, const data::Reading& reading) {
  ProbeSets sets{data::make_dataset(asked.dataset, reading), data::make_dataset(asked.test_dataset, reading)};
  for (const auto* set : {&sets.bank, &sets.queries})
    if (!(*set)->has_labels())
      throw Error(Exit::usage, fmt::format("probe.{} has no labels to judge features by",
                                           set == &sets.bank ? "dataset" : "test_dataset"));
  const std::vector<std::string> bank = sets.bank->class_names(), queries = sets.queries->class_names();
  if (sets.bank->class_count() != sets.queries->class_count())
    throw Error(Exit::usage, fmt::format("probe.dataset has {} classes, probe.test_dataset {}{}",
                                         sets.bank->class_count(), sets.queries->class_count(), classes_of_one(sets)));
  if (bank.empty() || queries.empty()) return sets;
  for (size_t i = 0; i < bank.size(); ++i)
    if (bank[i] != queries[i])
      throw Error(Exit::usage, fmt::format("class {} is \"{}\" in probe.dataset and \"{}\" in probe.test_dataset: the "
                                           "same label must mean the same",
                                           i, bank[i], queries[i]));
  return sets;
}

LabelledImages load_labelled(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t limit,
                             int num_workers, double max_bad_fraction) {
  const int64_t size = dataset.size(), wanted = limit > 0 ? std::min(limit, size) : size;
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < wanted; ++i)
    if (const int64_t index = i * size / wanted; dataset.label(index) >= 0) indices.push_back(index);
  if (indices.empty()) throw Error(Exit::data, "the probe's data set has no image with a label");
  const data::Subset chosen(dataset, indices);
  data::Loader loader(
      chosen, pipeline,
      {.batch_size = 64, .num_workers = num_workers, .shuffle = false, .max_bad_fraction = max_bad_fraction});
  loader.start(0);
  LabelledImages out{{}, at::empty({chosen.size()}, at::kLong), dataset.class_count(), {}};
  data::Batch batch;
  for (int64_t row = 0; loader.next(batch); row += batch.size) {
    const data::BatchView& view = batch.views.at(0);
    const std::vector<int64_t> sizes = {chosen.size(), view.height, view.width, view.channels};
    if (!out.pixels.defined()) out.pixels = at::empty(sizes, at::kByte);
    if (out.pixels.sizes() != at::IntArrayRef(sizes))
      throw Error(Exit::usage, "the probe's images differ in size: its pipeline needs a resize or crop to one size");
    std::copy_n(view.pixels.get(), batch.size * view.height * view.width * view.channels,
                out.pixels[row].mutable_data_ptr<uint8_t>());
    std::copy(batch.labels.begin(), batch.labels.end(), out.labels.mutable_data_ptr<int64_t>() + row);
  }
  out.bad = loader.bad().files;
  for (data::BadFile& bad : out.bad) bad.index = indices[static_cast<size_t>(bad.index)];
  return out;
}

}  // namespace selfsup::evaluate
