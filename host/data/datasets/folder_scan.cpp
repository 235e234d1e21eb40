#include "data/datasets/folder_scan.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/errors.h"
#include "base/utf8.h"
#include "data/datasets/image_files.h"
#include "data/file.h"

namespace selfsup::data {
namespace {

namespace fs = std::filesystem;

using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> identity_of(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

void count(int64_t& number, std::string& first, const std::string& path) {
  if (number++ == 0 || path < first) first = path;
}

class Scan {
 public:
  Scan(const std::string& root, const std::string& work_dir, const std::function<void()>& pause)
      : root_(root), pause_(pause) {
    if (!work_dir.empty()) work_dir_ = identity_of(work_dir);
  }

  FolderScan run() {
    folders_ = {""};
    while (!folders_.empty() || !links_.empty()) {
      const bool link = folders_.empty();
      const std::string folder = link ? *links_.begin() : folders_.back();
      if (link)
        links_.erase(links_.begin());
      else
        folders_.pop_back();
      visit(folder);
    }
    std::sort(found_.images.begin(), found_.images.end());
    return std::move(found_);
  }

 private:
  // What a folder holds: what each entry is, without a look at the entry itself where the system says it.
  struct Entries {
    std::vector<std::string> files, folders, links;  // names; links to folders

    // These a run has written before its first step.
    bool are_of_a_run() const {
      constexpr std::array<std::string_view, 3> kMarks = {"config.json", "metrics.jsonl", "run.log"};
      return std::ranges::all_of(kMarks, [&](auto name) { return std::ranges::find(files, name) != files.end(); });
    }
  };

  void visit(const std::string& relative) {
    const std::string folder = join_path(root_, relative);
    const std::optional<Identity> identity = identity_of(folder);
    if (!identity) refuse(folder, std::generic_category().message(errno));
    const bool top = relative.empty();
    if (top && identity == work_dir_)
      throw Error(Exit::usage, fmt::format("the image folder {} is the run's own work folder, whose pictures would "
                                           "become images to learn from; give another --work-dir",
                                           printable(folder)));
    if (identity == work_dir_) return count(found_.work_dirs, found_.first_work_dir, relative);
    if (!visited_.insert(*identity).second) return count(found_.repeated, found_.first_repeated, relative);
    const Entries entries = list(folder);
    if (!top && entries.are_of_a_run()) return count(found_.work_dirs, found_.first_work_dir, relative);
    const auto below = [&](const std::string& name) { return top ? name : relative + "/" + name; };
    for (const std::string& name : entries.folders) folders_.push_back(below(name));
    for (const std::string& name : entries.links) links_.insert(below(name));
    for (const std::string& name : entries.files) {
      if (ending_of(name) == Ending::other)
        count(found_.others, found_.first_other, below(name));
      else
        found_.images.push_back(below(name));
    }
  }

  Entries list(const std::string& folder) const {
    constexpr int kEntriesWithoutPause = 1000;
    Entries entries;
    int seen = 0;
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (pause_ && seen++ % kEntriesWithoutPause == 0) pause_();
      std::string name = entry->path().filename().string();
      if (name.empty() || name[0] == '.') continue;
      std::error_code ignored;  // a link that leads nowhere is no folder: it is listed, and found bad when read
      const bool is_folder = entry->is_directory(ignored);
      auto& kind = !is_folder ? entries.files : entry->is_symlink(ignored) ? entries.links : entries.folders;
      kind.push_back(std::move(name));
    }
    if (error) refuse(folder, error.message());
    std::ranges::sort(entries.folders);  // whatever order the system has
    return entries;
  }

  [[noreturn]] static void refuse(const std::string& folder, const std::string& reason) {
    throw Error(Exit::data, fmt::format("the image folder {} cannot be read: {}", printable(folder), reason));
  }

  const std::string root_;
  const std::function<void()>& pause_;
  std::optional<Identity> work_dir_;
  std::vector<std::string> folders_;  // to be visited
  std::set<std::string> links_;       // after them, in this order
  std::set<Identity> visited_;
  FolderScan found_;
};

}  // namespace

FolderScan scan_folder(const std::string& root, const std::string& work_dir, const std::function<void()>& pause) {
  return Scan(root, work_dir, pause).run();
}

}  // namespace selfsup::data
