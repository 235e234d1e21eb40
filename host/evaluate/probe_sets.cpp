#include "evaluate/probe_sets.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>
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

namespace {

std::vector<int64_t> labelled(const data::Dataset& set, int64_t limit) {
  const int64_t size = set.size(), wanted = limit > 0 ? std::min(limit, size) : size;
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < wanted; ++i)
    if (const int64_t index = i * size / wanted; set.label(index) >= 0) indices.push_back(index);
  if (indices.empty()) throw Error(Exit::data, "the probe's data set has no image with a label");
  return indices;
}

Error different_sizes() {
  return {Exit::usage, "the probe's images differ in size: its pipeline needs a resize or crop to one size"};
}

// Each rank has judged its own rows by what is allowed for all.
void judge_together(const data::BadReport& own, int64_t size, double max_bad_fraction,
                    const distributed::Group& group) {
  std::string text;
  for (const data::BadFile& bad : own.files) text += fmt::format("{}\t{}: {}\n", bad.index, bad.path, bad.reason);
  std::map<std::string, std::string> all;  // by index: ranks may read one image
  for (const std::string& of_rank : group.all_gather(text)) {
    std::istringstream lines(of_rank);
    for (std::string index, line; std::getline(lines, index, '\t') && std::getline(lines, line);) all[index] = line;
  }
  if (static_cast<int64_t>(all.size()) > own.allowed)
    throw Error(Exit::data, fmt::format("{} of {} images could not be used, on all ranks together; max_bad_fraction {} "
                                        "allows {}. One of them:\n  {}",
                                        all.size(), size, max_bad_fraction, own.allowed, all.begin()->second));
}

}  // namespace

std::string LabelledImages::describe(int64_t row) const {
  if (set == nullptr) return fmt::format("image {}", row);
  const int64_t index = shown[static_cast<size_t>(row)];
  return fmt::format("{}, image {}", set->describe(index), index);
}

LabelledSet::LabelledSet(const data::Dataset& set, const data::Pipeline& pipeline, int64_t limit, int num_workers,
                         double max_bad_fraction)
    : set_(set),
      pipeline_(pipeline),
      num_workers_(num_workers),
      max_bad_fraction_(max_bad_fraction),
      indices_(labelled(set, limit)),
      chosen_(set, indices_) {}

LabelledImages LabelledSet::load(const std::vector<int64_t>& rows) const {
  data::Loader loader(chosen_, pipeline_,
                      {.batch_size = 64,
                       .num_workers = num_workers_,
                       .shuffle = false,
                       .only = rows,
                       .max_bad_fraction = max_bad_fraction_});
  loader.start(0, 0, /*go_on=*/false);
  const auto count = static_cast<int64_t>(rows.size());
  LabelledImages out{{}, at::empty({count}, at::kLong), chosen_.class_count(), {}, {}, &set_};
  data::Batch batch;
  for (int64_t row = 0; loader.next(batch); row += batch.size) {
    const data::BatchView& view = batch.views.at(0);
    const std::vector<int64_t> sizes = {count, view.height, view.width, view.channels};
    if (!out.pixels.defined()) out.pixels = at::empty(sizes, at::kByte);
    if (out.pixels.sizes() != at::IntArrayRef(sizes)) throw different_sizes();
    std::copy_n(view.pixels.get(), batch.size * view.height * view.width * view.channels,
                out.pixels[row].mutable_data_ptr<uint8_t>());
    std::copy(batch.labels.begin(), batch.labels.end(), out.labels.mutable_data_ptr<int64_t>() + row);
    for (const int64_t shown : batch.sample_index) out.shown.push_back(indices_[static_cast<size_t>(shown)]);
  }
  out.bad = loader.bad();
  for (data::BadFile& bad : out.bad.files) bad.index = indices_[static_cast<size_t>(bad.index)];
  return out;
}

LabelledImages LabelledSet::load(const Share& share, const distributed::Group& group) const {
  LabelledImages out = load(share.rows());
  if (group.world() == 1) return out;
  for (const int64_t side : {out.pixels.size(1), out.pixels.size(2)})
    if (!group.same(static_cast<double>(side))) throw different_sizes();
  judge_together(out.bad, size(), max_bad_fraction_, group);
  out.labels = share.gather(out.labels);
  return out;
}

}  // namespace selfsup::evaluate
