#include "checkpoint/branch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "checkpoint/file.h"
#include "checkpoint/names.h"
#include "checkpoint/search.h"

namespace selfsup::checkpoint {
namespace {

// It has been written line by line; what takes another file's place is on the disk before.
void sync(const std::string& path) {
  const Fd file(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); }));
  if (!file || uninterrupted([&] { return ::fsync(file.get()); }) != 0) throw_storage("sync", path, errno);
}

// Files of the branch below `inner`, which is "" or "NAME/".
void bring(int work, const std::string& path, const std::string& inner, std::vector<Rename>& renames) {
  for (const std::string& name : list_folder(fmt::format("{}/{}/{}", path, branch_name, inner))) {
    const std::string own = inner + name, from = fmt::format("{}/{}", branch_name, own);
    if (is_folder(path + "/" + from)) {
      make_folders(path + "/" + own);
      bring(work, path, own + "/", renames);
      continue;
    }
    sync(path + "/" + from);
    if (is_there(work, own)) renames.push_back({own, free_name(work, own, superseded)});
    renames.push_back({from, own});
  }
}

}  // namespace

std::vector<Rename> renames_of_change(const std::string& work, const std::string& checkpoints,
                                      const std::vector<std::string>& left_behind, const Rename& saved) {
  const Fd folder = open_folder(work);
  const auto inside = [&](const std::string& name) { return checkpoints + "/" + name; };
  std::vector<Rename> renames;
  for (const std::string& name : left_behind)
    renames.push_back({inside(name), free_name(folder.get(), inside(name), superseded)});
  const bool is_left = std::find(left_behind.begin(), left_behind.end(), saved.to) != left_behind.end();
  if (!is_left && is_there(folder.get(), inside(saved.to)))
    renames.push_back({inside(saved.to), inside(std::string(replaced) + saved.to)});
  renames.push_back({inside(saved.from), inside(saved.to)});
  if (is_folder(fmt::format("{}/{}", work, branch_name))) bring(folder.get(), work, "", renames);
  return renames;
}

}  // namespace selfsup::checkpoint
