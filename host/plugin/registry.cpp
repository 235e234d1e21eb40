#include "plugin/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>

#include "base/errors.h"
#include "base/file.h"
#include "base/log.h"
#include "base/nearest.h"
#include "plugin/crossing.h"
#include "plugin/loader.h"
#include "plugin/plan.h"
#include "plugin/search.h"
#include "plugin/tables.h"

namespace selfsup::plugin {
namespace {

// Calls into a plugin; an exception that it lets out and that this process can catch becomes Error(plugin).
template <class Call>
auto guarded(const NoteFile& file, const char* callback, Call call) {
  const Crossing crossing(file.note.id.c_str(), callback);
  const auto refuse = [&](const std::string& what) {
    return Error(Exit::plugin, fmt::format("{}: {} let an exception cross ({}); build it on the C++ layer, or catch in "
                                           "every callback",
                                           describe(file), callback, what));
  };
  try {
    return call();
  } catch (const std::exception& exception) {
    throw refuse(exception.what());
  } catch (...) {
    throw refuse("of a type unknown here");
  }
}

// The text that a plugin gave for its failure.
std::string failure_text(const ssp_host* host, ssp_status status) {
  const ssp_str text = host->last_error(host);
  return text.data && text.size ? fmt::format("{} (status {})", std::string_view(text.data, text.size), status)
                                : fmt::format("failed without text (status {})", status);
}

void forget_failure(const ssp_host* host) { host->set_error(host, ssp_str{"", 0}); }

std::string file_name(const NoteFile& file) { return std::filesystem::path(file.path).filename().string(); }

ssp_str borrowed(const std::string& text) { return {text.data(), text.size()}; }

std::vector<Component> read_factories(const Plugin& plugin, const Library& library, const ssp_host* host) {
  std::vector<Component> components;
  for (const auto& [kind, name] : plugin.file.note.provides) {
    const void* table = nullptr;
    forget_failure(host);
    const ssp_status status = guarded(plugin.file, "get_factory", [&, &kind = kind, &name = name] {
      return plugin.entry->get_factory(borrowed(kind), borrowed(name), &table);
    });
    const std::string who = fmt::format("{}: {}", describe(plugin.file), describe(ComponentName(kind, name)));
    if (status != SSP_OK) {
      throw Error(Exit::plugin,
                  fmt::format("{}: its note promises it, but get_factory does not give it: {}; correct the "
                              "note or the plugin",
                              who, failure_text(host, status)));
    }
    check_table(who, library.image, kind, table);
    components.push_back({&plugin, kind, name, table});
  }
  return components;
}

// Nothing more depends on the plugin: what goes wrong is a warning.
void shut_down(const Plugin& plugin) {
  try {
    guarded(plugin.file, "shutdown", [&] { plugin.entry->shutdown(); });
  } catch (const Error& error) {
    log_warning(error.what());
  }
}

}  // namespace

Registry::~Registry() {
  for (auto plugin = plugins_.rbegin(); plugin != plugins_.rend(); ++plugin) shut_down(*plugin);
}

void Registry::load_one(const NoteFile& file) {
  // In its final place from the start: crossings and components keep pointers into it.
  Plugin& plugin = plugins_.emplace_back(Plugin{file, RegularFile(file.path).sha256(), nullptr});
  const auto components = static_cast<std::ptrdiff_t>(components_.size());
  bool initialised = false;
  try {
    const Library library = load_library(plugin.file, "ssp_plugin_v1");
    plugin.entry = check_entry(describe(plugin.file), library);
    forget_failure(host_);
    const ssp_status status = guarded(plugin.file, "init", [&] { return plugin.entry->init(host_); });
    if (status != SSP_OK) {
      throw Error(Exit::plugin, fmt::format("{}: init: {}", describe(plugin.file), failure_text(host_, status)));
    }
    initialised = true;
    for (Component& component : read_factories(plugin, library, host_)) components_.push_back(std::move(component));
  } catch (...) {
    components_.erase(components_.begin() + components, components_.end());
    if (initialised) shut_down(plugin);
    plugins_.pop_back();
    throw;
  }
}

std::vector<const Plugin*> Registry::load_all(const std::vector<std::string>& paths,
                                              const std::vector<std::string>& folders) {
  folders_ = folders;
  std::vector<const NoteFile*> loaded;
  for (const Plugin& plugin : plugins_) loaded.push_back(&plugin.file);
  for (const NoteFile& file : plan_plugins(paths, folders, loaded)) load_one(file);
  std::vector<const Plugin*> asked;
  for (const std::string& path : paths) {
    const auto same = [&path](const Plugin& plugin) { return same_file(plugin.file.path, path); };
    asked.push_back(&*std::find_if(plugins_.begin(), plugins_.end(), same));
  }
  return asked;
}

const Plugin& Registry::load(const std::string& path, const std::vector<std::string>& folders) {
  return *load_all({path}, folders).front();
}

const Component* Registry::find_if_any(std::string_view kind, std::string_view name) const {
  for (const Component& component : components_) {
    if (component.kind == kind && component.name == name) return &component;
  }
  return nullptr;
}

const Component& Registry::find(std::string_view kind, std::string_view name) const {
  if (const Component* component = find_if_any(kind, name)) return *component;
  std::vector<std::string> names, described;
  for (const Component* component : of_kind(kind)) {
    names.push_back(component->name);
    described.push_back(fmt::format("{} ({})", component->name, file_name(component->plugin->file)));
  }
  const std::string near = nearest_name(name, names);
  throw Error(
      Exit::usage,
      fmt::format("no loaded plugin provides {} \"{}\"; there {}{}{}", kind, name,
                  described.empty() ? std::string("is none of that kind; name a plugin that provides it with --plugin")
                                    : fmt::format("is: {}", fmt::join(described, ", ")),
                  near.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", near), remedy(kind, name)));
}

std::string Registry::remedy(std::string_view kind, std::string_view name) const {
  for (const Candidate& candidate : scan_folders(folders_)) {
    if (!candidate.file || !provides(candidate.file->note, ComponentName(kind, name))) continue;
    const std::string file = file_name(*candidate.file);
    return candidate.problem.empty() ? fmt::format("; {0} provides it: add --plugin {0}", file)
                                     : fmt::format("; {} would provide it: {}", file, candidate.problem);
  }
  return "";
}

std::vector<const Component*> Registry::of_kind(std::string_view kind) const {
  std::vector<const Component*> found;
  for (const Component& component : components_) {
    if (component.kind == kind) found.push_back(&component);
  }
  return found;
}

}  // namespace selfsup::plugin
