#include "checkpoint/branch.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/file.h"
#include "checkpoint/names.h"
#include "checkpoint/search.h"

namespace selfsup::checkpoint {
namespace {

// Files of the branch below `inner`, which is "" or "NAME/".
void bring(int work, const std::string& path, const std::string& inner, std::vector<Rename>& renames) {
  for (const std::string& name : list_folder(fmt::format("{}/{}/{}", path, branch_name, inner))) {
    const std::string own = inner + name, from = fmt::format("{}/{}", branch_name, own);
    if (is_folder(path + "/" + from)) {
      make_folders(path + "/" + own);
      bring(work, path, own + "/", renames);
      continue;
    }
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
