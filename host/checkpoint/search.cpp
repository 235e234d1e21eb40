#include "checkpoint/search.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/names.h"

namespace selfsup::checkpoint {
namespace {

constexpr size_t kMostNamed = 10;  // in a message

bool has_manifest(const std::string& folder) { return is_there(AT_FDCWD, fmt::format("{}/{}", folder, manifest_name)); }

bool is_checkpoint(const std::string& directory, const std::string& entry, std::string_view name) {
  const std::string path = directory + "/" + entry;
  return valid_checkpoint_name(name) && is_folder(path) && (run_checkpoint_name(name) || has_manifest(path));
}

// Whether an earlier run renamed it.
bool is_set_aside(const std::string& entry) {
  return entry.front() != '.' && (entry.find(damaged) != entry.npos || entry.find(superseded) != entry.npos);
}

std::vector<std::string> names_set_aside(const std::string& directory) {
  std::vector<std::string> names;
  if (!is_folder_or_link(directory)) return names;
  for (std::string& name : list_folder(directory)) {
    if (is_set_aside(name)) names.push_back(std::move(name));
  }
  return names;
}

// One line each, as many as a reader takes.
std::string lines_of(const std::vector<std::string>& reasons) {
  std::string text;
  for (size_t i = 0; i < std::min(reasons.size(), kMostNamed); ++i) text += "\n  " + reasons[i];
  if (reasons.size() > kMostNamed) text += fmt::format("\n  and {} more", reasons.size() - kMostNamed);
  return text;
}

}  // namespace

std::vector<std::string> checkpoint_names(const std::string& directory) {
  std::vector<std::string> names;
  if (!is_folder_or_link(directory)) return names;
  for (std::string& name : list_folder(directory)) {
    if (is_checkpoint(directory, name, name)) names.push_back(std::move(name));
  }
  return names;
}

bool holds_checkpoints(const std::string& directory) {
  if (!is_folder_or_link(directory)) return false;
  const std::vector<std::string> entries = list_folder(directory);
  return std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) {
    const std::string name = entry.starts_with(replaced) ? entry.substr(replaced.size()) : entry;
    return is_set_aside(entry) || is_checkpoint(directory, entry, name);
  });
}

void Search::throw_if_ruined(const std::string& directory, std::string_view advice) const {
  std::vector<std::string> reasons;
  for (const Ruin& ruin : ruins) reasons.push_back(ruin.reason);
  for (const std::string& name : names_set_aside(directory))
    reasons.push_back(fmt::format("{} was set aside by an earlier run", name));
  if (reasons.empty()) return;
  throw Error(Exit::checkpoint, fmt::format("no valid checkpoint is left in {}{}\nNothing was changed. {}", directory,
                                            lines_of(reasons), advice));
}

Search search_in(const std::string& directory) {
  struct Candidate {
    std::tuple<int64_t, int64_t> step;
    std::string name;
  };
  Search search;
  std::vector<Candidate> candidates;
  const auto damaged_only = [](const Error& error) {
    return error.exit() == Exit::checkpoint && !dynamic_cast<const NewerFormat*>(&error);
  };
  for (const std::string& name : checkpoint_names(directory)) {
    const std::string path = directory + "/" + name;
    try {
      candidates.push_back({step_of(read_manifest(path)), name});
    } catch (const Error& error) {
      if (!damaged_only(error)) throw;
      search.ruins.push_back({name, error.what(), std::nullopt});
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return std::tie(a.step, a.name) > std::tie(b.step, b.name); });
  for (const Candidate& candidate : candidates) {
    try {
      search.found.emplace(directory + "/" + candidate.name);
      break;
    } catch (const Error& error) {
      if (!damaged_only(error)) throw;
      search.ruins.push_back({candidate.name, error.what(), std::get<0>(candidate.step)});
    }
  }
  return search;
}

std::optional<Checkpoint> newest_whole(const std::string& directory) {
  Search search = search_in(directory);
  if (!search.found) search.throw_if_ruined(directory, "Give the path of another checkpoint");
  for (const Ruin& ruin : search.ruins) log_warning(ruin.reason);
  return std::move(search.found);
}

Checkpoint checkpoint_at(const std::string& folder) {
  const std::string inside = folder + "/checkpoints";
  if (has_manifest(folder)) return Checkpoint(folder);
  if (!is_folder_or_link(inside))
    throw Error(Exit::usage, fmt::format("there is no checkpoint at {}: expected the folder of a checkpoint, as in "
                                         "WORK_DIR/checkpoints/epoch_3, or a work folder",
                                         folder));
  if (auto newest = newest_whole(inside)) return std::move(*newest);
  throw Error(Exit::usage, fmt::format("there is no checkpoint in {} yet", inside));
}

}  // namespace selfsup::checkpoint
