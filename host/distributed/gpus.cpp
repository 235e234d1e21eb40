#include "distributed/gpus.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/errors.h"
#include "distributed/rank_text.h"

namespace selfsup::distributed {
namespace {

using Seen = std::vector<std::vector<std::string>>;

// A matching of ranks and GPUs, which grows by one rank after the other along augmenting paths.
class Assignment {
 public:
  explicit Assignment(const Seen& seen) : seen_(seen), places_(seen.size()) {}

  // Whether this rank has one now; all that had one before still do.
  bool add(size_t rank) {
    asked_.clear();
    return serve(rank);
  }
  const std::vector<size_t>& places() const { return places_; }
  // After a rank got none: the GPUs that it could have had if others had given way, and none did.
  const std::set<std::string>& asked() const { return asked_; }

 private:
  bool serve(size_t rank) {
    const std::vector<std::string>& own = seen_[rank];
    for (size_t place = 0; place < own.size(); ++place)
      if (!holders_.count(own[place])) return take(rank, place);
    for (size_t place = 0; place < own.size(); ++place)
      if (asked_.insert(own[place]).second && serve(holders_.at(own[place]))) return take(rank, place);
    return false;
  }
  bool take(size_t rank, size_t place) {
    holders_[seen_[rank][place]] = rank;
    places_[rank] = place;
    return true;
  }

  const Seen& seen_;
  std::vector<size_t> places_;
  std::map<std::string, size_t> holders_;
  std::set<std::string> asked_;
};

// The ranks that see nothing but these GPUs, which are fewer than they.
Error too_few(const Seen& seen, const std::set<std::string>& gpus) {
  constexpr size_t most_named = 8;
  std::vector<std::pair<std::vector<std::string>, std::vector<int>>> views;  // what is seen, and by whom
  size_t ranks = 0;
  for (size_t rank = 0; rank < seen.size(); ++rank) {
    if (!std::ranges::all_of(seen[rank], [&](const std::string& gpu) { return gpus.count(gpu) > 0; })) continue;
    auto view = std::ranges::find_if(views, [&](const auto& one) { return one.first == seen[rank]; });
    if (view == views.end()) view = views.insert(views.end(), {seen[rank], {}});
    view->second.push_back(static_cast<int>(rank));
    ++ranks;
  }
  std::string who;
  for (size_t i = 0; i < std::min(views.size(), most_named); ++i) {
    const auto& [what, by] = views[i];
    who += fmt::format("{}{} {} {}", i ? "; " : "", rank_text(by), by.size() == 1 ? "sees" : "see",
                       what.empty() ? "none" : fmt::format("{}", fmt::join(what, ", ")));
  }
  if (views.size() > most_named) who += "; and so on";
  return Error(
      Exit::usage,
      fmt::format(
          "{} rank{} on {} GPU{}, and each rank needs one of its own: {}. Start no more ranks on a machine than "
          "it has GPUs; where each rank is shown GPUs of its own (CUDA_VISIBLE_DEVICES, Slurm's "
          "--gpus-per-task), show each another one; or take --device cpu. SELFSUP_SHARE_GPU=1 lets ranks share "
          "GPUs, which is slow and for tests",
          ranks, ranks == 1 ? "" : "s", gpus.size(), gpus.size() == 1 ? "" : "s", who));
}

}  // namespace

std::vector<size_t> assign_gpus(const Seen& seen) {
  Assignment assignment(seen);
  for (size_t rank = 0; rank < seen.size(); ++rank)
    if (!assignment.add(rank)) throw too_few(seen, assignment.asked());
  return assignment.places();
}

size_t own_gpu(const Group& group, const std::vector<std::string>& seen) {
  Seen of_all;
  for (const std::string& text : group.all_gather(fmt::format("{}", fmt::join(seen, "\n"))))
    of_all.push_back(text.empty() ? std::vector<std::string>() : lines_of(text));
  return assign_gpus(of_all)[static_cast<size_t>(group.rank())];
}

}  // namespace selfsup::distributed
