#include "plugin/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <set>

#include "base/errors.h"
#include "plugin/search.h"

namespace selfsup::plugin {
namespace {

// Why the two cannot be in one process; "": they can.
std::string clash(const NoteFile& a, const NoteFile& b) {
  if (a.note.id == b.note.id) {
    return fmt::format("two plugin files have one id, {}: {} {} and {} {}; use one of them", a.note.id, a.path,
                       a.note.version, b.path, b.note.version);
  }
  for (const ComponentName& component : a.note.provides) {
    if (provides(b.note, component)) {
      return fmt::format("two plugins provide {}: {} and {}; use one of them", describe(component), describe(a),
                         describe(b));
    }
  }
  return "";
}

class Planner {
 public:
  Planner(const std::vector<std::string>& folders, const std::vector<const NoteFile*>& loaded)
      : folders_(folders), known_(loaded) {}

  void add_file(const std::string& path) {
    Candidate candidate = examine(path);
    if (!candidate.problem.empty()) {
      problems_.push_back(candidate.problem);
    } else {
      accept(std::move(*candidate.file));
    }
  }

  void resolve() {
    for (size_t i = 0; i < known_.size(); ++i) {
      for (const ComponentName& need : known_[i]->note.needs) {
        if (need.second == "*") take_all(need);
        find_provider(*known_[i], need);
      }
    }
  }

  std::vector<NoteFile> result() {
    if (!problems_.empty()) throw Error(Exit::plugin, fmt::format("{}", fmt::join(problems_, "\n")));
    std::vector<NoteFile> order;
    std::set<const NoteFile*> visited;
    for (const NoteFile& file : accepted_) append_after_providers(file, visited, order);
    return order;
  }

 private:
  void accept(NoteFile file) {
    for (const NoteFile* other : known_) {
      if (other->note.id == file.note.id && same_file(other->path, file.path)) return;
      if (std::string problem = clash(*other, file); !problem.empty()) {
        problems_.push_back(std::move(problem));
        return;
      }
    }
    accepted_.push_back(std::move(file));
    known_.push_back(&accepted_.back());
  }

  // Which of them is wanted is not known before the configuration is whole. What is known already comes first: it may
  // stand in for a file of a folder.
  void take_all(const ComponentName& kind) {
    for (const std::string& folder : folders_) {
      const std::vector<const NoteFile*> before = known_;
      const auto free = [&before](const NoteFile& file) {
        return std::all_of(before.begin(), before.end(), [&](const NoteFile* b) { return clash(*b, file).empty(); });
      };
      for (const Candidate& candidate : scan(folder)) {
        if (!candidate.problem.empty() || !provides(candidate.file->note, kind)) continue;
        if (free(*candidate.file)) accept(*candidate.file);
      }
    }
  }

  void find_provider(const NoteFile& asker, const ComponentName& need) {
    for (const NoteFile* file : known_) {
      if (file != &asker && provides(file->note, need)) return;
    }
    if (provides(asker.note, need)) return;
    std::string unusable;
    for (const std::string& folder : folders_) {
      std::vector<NoteFile> providers;
      for (const Candidate& candidate : scan(folder)) {
        if (!candidate.file || !provides(candidate.file->note, need)) continue;
        if (candidate.problem.empty()) {
          providers.push_back(*candidate.file);
        } else {
          unusable = candidate.problem;
        }
      }
      if (providers.empty()) continue;
      if (providers.size() > 1) {
        problems_.push_back(
            fmt::format("{}: it needs {}, which both {} and {} provide; name the one to use with --plugin",
                        describe(asker), describe(need), describe(providers[0]), describe(providers[1])));
        return;
      }
      accept(std::move(providers.front()));
      return;
    }
    problems_.push_back(fmt::format(
        "{}: it needs {}, which no plugin here provides ({}); {}", describe(asker), describe(need), searched(),
        unusable.empty() ? "name a plugin that provides it with --plugin, or put it into one "
                           "of the plugin folders"
                         : "the one that would provide it cannot be used: " + unusable));
  }

  const std::vector<Candidate>& scan(const std::string& folder) {
    for (const auto& [name, candidates] : scanned_) {
      if (name == folder) return candidates;
    }
    return scanned_.emplace_back(folder, scan_folders({folder})).second;
  }

  std::string searched() const {
    std::vector<std::string> files;
    for (const NoteFile* file : known_) files.push_back(std::filesystem::path(file->path).filename().string());
    return fmt::format("looked at {}; folders: {}", fmt::join(files, ", "),
                       folders_.empty() ? std::string("none") : fmt::format("{}", fmt::join(folders_, ", ")));
  }

  void append_after_providers(const NoteFile& file, std::set<const NoteFile*>& visited, std::vector<NoteFile>& order) {
    if (!visited.insert(&file).second) return;
    for (const ComponentName& need : file.note.needs) {
      for (const NoteFile& other : accepted_) {
        if (&other != &file && provides(other.note, need)) append_after_providers(other, visited, order);
      }
    }
    order.push_back(file);
  }

  const std::vector<std::string>& folders_;
  std::vector<const NoteFile*> known_;  // loaded, then accepted
  std::deque<NoteFile> accepted_;
  std::deque<std::pair<std::string, std::vector<Candidate>>> scanned_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<NoteFile> plan_plugins(const std::vector<std::string>& paths, const std::vector<std::string>& folders,
                                   const std::vector<const NoteFile*>& loaded) {
  Planner planner(folders, loaded);
  for (const std::string& path : paths) planner.add_file(path);
  planner.resolve();
  return planner.result();
}

bool provides(const Note& note, const ComponentName& component) {
  return std::any_of(note.provides.begin(), note.provides.end(), [&component](const ComponentName& own) {
    return own.first == component.first && (component.second == "*" || own.second == component.second);
  });
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return a == b || std::filesystem::equivalent(a, b, error);
}

}  // namespace selfsup::plugin
