#include "plugin/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/errors.h"
#include "base/nearest.h"
#include "plugin/compatibility.h"

namespace selfsup::plugin {
namespace {

namespace fs = std::filesystem;

std::string absolute(const fs::path& path) {
  std::string text = fs::absolute(path).lexically_normal().string();
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

// File names in a folder that end in .so, sorted. A folder that cannot be listed has none.
std::vector<std::string> plugin_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".so") names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Candidate checked(NoteFile (*read)(const std::string&), const std::string& path, bool unstamped) {
  Candidate candidate{path, std::nullopt, ""};
  try {
    candidate.file = read(path);
    check_compatible(*candidate.file, unstamped);
  } catch (const Error& error) {
    candidate.problem = error.what();
  }
  return candidate;
}

}  // namespace

std::vector<std::string> plugin_folders(const std::vector<std::string>& plugin_dirs, const std::string& built_in) {
  std::vector<std::string> folders;
  const auto add = [&folders](const std::string& folder) {
    std::string path = absolute(folder);
    if (std::find(folders.begin(), folders.end(), path) == folders.end()) folders.push_back(std::move(path));
  };
  std::error_code error;
  for (const std::string& folder : plugin_dirs) {
    if (folder.empty() || !fs::is_directory(folder, error)) {
      throw Error(Exit::usage, fmt::format("--plugin-dir {}: expected a folder with plugins, found {}", folder,
                                           !folder.empty() && exists(folder) ? "a file; give it to --plugin"
                                                                             : "nothing there; correct the path"));
    }
    add(folder);
  }
  if (const char* variable = std::getenv("SELFSUP_PLUGIN_PATH")) {
    std::string_view rest = variable;
    while (!rest.empty()) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      const std::string folder(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
      // An empty entry would mean the current directory.
      if (!folder.empty() && fs::is_directory(folder, error)) add(folder);
    }
  }
  if (!built_in.empty() && fs::is_directory(built_in, error)) add(built_in);
  return folders;
}

std::string find_plugin(const std::string& argument, const std::vector<std::string>& folders,
                        const std::string& asked) {
  const auto refusal = [&asked](const std::string& text) { return Error(Exit::usage, asked + ": " + text); };
  if (argument.empty()) throw refusal("expected the name or path of a plugin, found an empty text");
  if (argument.find('/') != std::string::npos) {
    if (exists(argument)) return absolute(argument);
    std::error_code error;
    if (fs::is_symlink(argument, error)) throw refusal(fmt::format("{} is a link that leads to no file", argument));
    const fs::path parent = fs::path(absolute(argument)).parent_path(), name = fs::path(argument).filename();
    const std::string near = nearest_name(name.string(), plugin_names(parent.string()));
    throw refusal(
        fmt::format("there is no file {}{}", argument,
                    near.empty() ? "; correct the path" : fmt::format("; did you mean {}?", (parent / near).string())));
  }
  const std::string name = argument.size() > 3 && argument.ends_with(".so") ? argument : argument + ".so";
  std::vector<std::string> names;
  for (const std::string& folder : folders) {
    const std::string path = folder + "/" + name;
    if (exists(path)) return path;
    for (std::string& found : plugin_names(folder))
      if (exists(folder + "/" + found)) names.push_back(std::move(found));
  }
  std::string text =
      fmt::format("no {} in the plugin folders ({})", name,
                  folders.empty() ? std::string("there are none") : fmt::format("{}", fmt::join(folders, ", ")));
  if (exists(name)) {
    text += fmt::format("; the current directory has one, but is never searched: write --plugin ./{}", name);
  } else if (const std::string near = nearest_name(name, names); !near.empty()) {
    text += fmt::format("; did you mean {}?", near);
  } else {
    text += "; write its path (./NAME.so), or add its folder with --plugin-dir or SELFSUP_PLUGIN_PATH";
  }
  throw refusal(text);
}

Candidate glance(const std::string& path, bool unstamped) { return checked(read_note, path, unstamped); }
Candidate examine(const std::string& path, bool unstamped) { return checked(open_plugin, path, unstamped); }

std::vector<Candidate> scan_folders(const Places& places) {
  std::vector<Candidate> candidates;
  std::set<std::string> seen;
  for (const std::string& folder : places.folders) {
    for (const std::string& name : plugin_names(folder)) {
      if (seen.insert(name).second) candidates.push_back(glance(folder + "/" + name, places.unstamped));
    }
  }
  return candidates;
}

Providers providers_of(const ComponentName& component, const std::vector<Candidate>& candidates) {
  Providers found;
  std::set<std::string> ids;
  for (const Candidate& candidate : candidates) {
    if (!candidate.file || !provides(candidate.file->note, component)) continue;
    if (!candidate.problem.empty()) {
      found.problem = candidate.problem;
    } else if (ids.insert(candidate.file->note.id).second) {
      found.usable.push_back(*candidate.file);
    }
  }
  return found;
}

}  // namespace selfsup::plugin
