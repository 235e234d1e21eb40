#include "data/loader/first_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/parallel.h"
#include "data/loader/spread.h"

namespace selfsup::data {
namespace {

// More than so many of a sample say that more are bad than allowed: with fewer, a sample like this one is next to
// impossible (its number has a Poisson distribution at most as wide).
double explained_by_chance(double expected) { return expected + 6 * std::sqrt(expected) + 6; }

std::vector<int64_t> foreign_images(const Dataset& dataset) {
  std::vector<int64_t> found;
  for (int64_t i = 0; i < dataset.size(); ++i)
    if (dataset.looks_foreign(i)) found.push_back(i);
  return found;
}

std::vector<BadFile> bad_among(const Dataset& dataset, const std::vector<int64_t>& indices, int threads,
                               const std::function<void()>& pause, int64_t most) {
  std::vector<BadFile> bad;
  std::mutex mutex;
  const auto look = [&](int64_t i) {
    const int64_t index = indices[static_cast<size_t>(i)];
    std::string reason = dataset.refusal(index);
    if (reason.empty()) return;
    const std::lock_guard lock(mutex);
    bad.push_back({index, dataset.describe(index), std::move(reason)});
  };
  // In portions, so that what is found does not depend on the threads.
  constexpr int64_t kPortion = 1000;
  const auto count = static_cast<int64_t>(indices.size());
  for (int64_t begin = 0; begin < count && static_cast<int64_t>(bad.size()) <= most; begin += kPortion)
    parallel_for(
        std::min(kPortion, count - begin), threads, [&](int64_t i) { look(begin + i); },
        [&](int64_t) {
          if (pause) pause();
        });
  std::ranges::sort(bad, {}, &BadFile::index);
  return bad;
}

}  // namespace

std::vector<BadFile> first_look(const Dataset& dataset, double max_bad_fraction, int threads,
                                const std::function<void()>& pause) {
  BadReport report(dataset.size(), max_bad_fraction);
  report.files = bad_among(dataset, foreign_images(dataset), threads, pause, report.allowed);
  if (report.too_many()) throw report.error();
  const std::vector<int64_t> sample = spread_over(dataset.size());
  const std::vector<BadFile> of_sample = bad_among(dataset, sample, threads, pause, dataset.size());
  const auto found = static_cast<double>(of_sample.size()), looked = static_cast<double>(sample.size());
  for (const BadFile& bad : of_sample)
    if (!dataset.looks_foreign(bad.index)) report.files.push_back(bad);
  std::ranges::sort(report.files, {}, &BadFile::index);
  if (report.too_many()) throw report.error();
  if (!sample.empty() &&
      (of_sample.size() == sample.size() ||
       found > explained_by_chance(static_cast<double>(report.allowed) * looked / static_cast<double>(dataset.size()))))
    throw Error(Exit::data,
                fmt::format("{} of {} images that were looked at, spread over the {} of the set, cannot be used; "
                            "max_bad_fraction {} allows {} of all. One of them:\n  {}: {}\nselfsup-host validate "
                            "--scan CONFIG lists them all",
                            of_sample.size(), sample.size(), dataset.size(), max_bad_fraction, report.allowed,
                            of_sample.front().path, of_sample.front().reason));
  return report.files;
}

}  // namespace selfsup::data
