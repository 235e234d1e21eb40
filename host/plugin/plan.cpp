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

class Planner {
 public:
  Planner(const Places& places, const std::vector<const NoteFile*>& loaded) : places_(places), known_(loaded) {}

  void add(const Candidate& candidate) {
    if (candidate.problem.empty()) {
      accept(*candidate.file);
    } else {
      problems_.push_back(candidate.problem);
    }
  }

  void resolve() {
    for (size_t i = 0; i < known_.size(); ++i) {
      for (const ComponentName& need : known_[i]->note.needs) {
        if (need.second != "*") find_provider(*known_[i], need);
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
      if (other->note.id != file.note.id) continue;
      if (!same_file(other->path, file.path)) {
        problems_.push_back(fmt::format("two plugin files have one id, {}: {} {} and {} {}; use one of them",
                                        file.note.id, other->path, other->note.version, file.path, file.note.version));
      }
      return;
    }
    accepted_.push_back(std::move(file));
    known_.push_back(&accepted_.back());
  }

  void find_provider(const NoteFile& asker, const ComponentName& need) {
    for (const NoteFile* file : known_) {
      if (file != &asker && provides(file->note, need)) return;
    }
    if (provides(asker.note, need)) return;
    if (!scanned_) scanned_ = scan_folders(places_);
    const Providers found = providers_of(need, *scanned_);
    if (found.usable.size() > 1) {
      problems_.push_back(
          fmt::format("{}: it needs {}, which both {} and {} provide; name the one to use with --plugin",
                      describe(asker), describe(need), describe(found.usable[0]), describe(found.usable[1])));
    } else if (found.usable.empty()) {
      problems_.push_back(fmt::format(
          "{}: it needs {}, which no plugin here provides ({}); {}", describe(asker), describe(need), searched(),
          found.problem.empty() ? "name a plugin that provides it with --plugin, or put it into one "
                                  "of the plugin folders"
                                : "the one that would provide it cannot be used: " + found.problem));
    } else {
      add(examine(found.usable.front().path, places_.unstamped));
    }
  }

  std::string searched() const {
    std::vector<std::string> files;
    for (const NoteFile* file : known_) files.push_back(std::filesystem::path(file->path).filename().string());
    return fmt::format(
        "looked at {}; folders: {}", fmt::join(files, ", "),
        places_.folders.empty() ? std::string("none") : fmt::format("{}", fmt::join(places_.folders, ", ")));
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

  const Places& places_;
  std::vector<const NoteFile*> known_;  // loaded, then accepted
  std::deque<NoteFile> accepted_;
  std::optional<std::vector<Candidate>> scanned_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<NoteFile> plan_plugins(const std::vector<Candidate>& asked, const Places& places,
                                   const std::vector<const NoteFile*>& loaded) {
  Planner planner(places, loaded);
  for (const Candidate& candidate : asked) planner.add(candidate);
  planner.resolve();
  return planner.result();
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return a == b || std::filesystem::equivalent(a, b, error);
}

}  // namespace selfsup::plugin
