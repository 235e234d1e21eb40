#include "checkpoint/renames.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/errors.h"
#include "base/hash.h"
#include "checkpoint/file.h"

namespace selfsup::checkpoint {
namespace {

constexpr const char* kFile = ".renames";
constexpr uint64_t kLargest = 64u << 20;
constexpr size_t kDigestDigits = 64;

// The digest of what follows it: names, each ended by NUL, since they may hold any other byte.
std::string text_of(const std::vector<Rename>& renames) {
  std::string names;
  for (const Rename& rename : renames)
    for (const std::string& name : {rename.from, rename.to}) names.append(name).push_back('\0');
  return sha256_hex(names.data(), names.size()) + names;
}

bool leads_out(const std::string& name) {
  const std::string path = "/" + name + "/";
  return path.find("//") != path.npos || path.find("/../") != path.npos || path.find("/./") != path.npos;
}

std::vector<Rename> parse(const std::string& text, const std::string& path) {
  const std::string names = text.substr(std::min(kDigestDigits, text.size()));
  std::vector<std::string> found;
  for (size_t at = 0, end; (end = names.find('\0', at)) != names.npos; at = end + 1)
    found.push_back(names.substr(at, end - at));
  bool sound = text.substr(0, kDigestDigits) == sha256_hex(names.data(), names.size()) && found.size() % 2 == 0;
  for (const std::string& name : found) sound = sound && !leads_out(name);
  if (!sound)
    throw Error(Exit::checkpoint, fmt::format("{}: damaged: what a run that was killed had begun to rename cannot be "
                                              "read. Nothing was changed. Remove the file to leave all as it is",
                                              path));
  std::vector<Rename> renames;
  for (size_t i = 0; i < found.size(); i += 2) renames.push_back({found[i], found[i + 1]});
  return renames;
}

// Those that are done are left alone: a name that was to be free is taken, or what had the other is gone.
void carry_out(int folder, const std::string& path, const std::vector<Rename>& renames) {
  std::set<std::string> changed;
  for (const auto& [from, to] : renames) {
    if (is_there(folder, from) && !is_there(folder, to) && rename_in(folder, from, to) != 0)
      throw_storage(fmt::format("rename {} to", from), path + "/" + to, errno);
    changed.insert({parent_of(from), parent_of(to)});
  }
  for (const std::string& name : changed) {
    const std::string inner = path + "/" + name;
    if (is_there(folder, name)) sync_folder(open_folder(inner).get(), inner);
  }
  if (remove_file(folder, kFile) != 0) throw_storage("remove", path + "/" + kFile, errno);
  sync_folder(folder, path);
}

}  // namespace

void write_down(const std::string& folder, const std::vector<Rename>& renames) {
  const Fd open = open_folder(folder);
  const std::string text = text_of(renames);
  if (text.size() > kLargest)
    throw Error(Exit::storage, fmt::format("{} holds too many files to rename at once: their names take {} bytes, more "
                                           "than {}. Move them away, or choose another --work-dir",
                                           folder, text.size(), kLargest));
  try {
    write_file(fmt::format("{}/{}", folder, kFile), text);
  } catch (const Error&) {
    if (remove_file(open.get(), kFile) == 0) uninterrupted([&] { return ::fsync(open.get()); });
    throw;
  }
}

void finish_renames(const std::string& folder) {
  const std::string path = fmt::format("{}/{}", folder, kFile);
  std::string text;
  try {
    text = RegularFile(path).read_all(kLargest);
  } catch (const FileError& error) {
    if (error.error() == ENOENT) return;
    throw Error(error.error() ? Exit::storage : Exit::usage, fmt::format("cannot read {}: {}", path, error.what()));
  }
  carry_out(open_folder(folder).get(), folder, parse(text, path));
}

std::string free_name(int folder, const std::string& name, std::string_view suffix) {
  std::string free = fmt::format("{}{}", name, suffix);
  for (int n = 2; is_there(folder, free); ++n) free = fmt::format("{}{}-{}", name, suffix, n);
  return free;
}

}  // namespace selfsup::checkpoint
