#include "plugin/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>

#include "base/errors.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/text.h"
#include "base/utf8.h"
#include "plugin/crossing.h"
#include "plugin/loader.h"
#include "plugin/plan.h"
#include "plugin/surroundings.h"
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
    throw refuse(elided(printable_lines(exception.what())));
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

// A plugin cannot be asked for all that it has; but one that has forgotten a component in its note has often another
// of the same name there, as backbones and their tokens have.
void refuse_unnoted(const Plugin& plugin, const ssp_host* host) {
  const auto& noted = plugin.file.note.provides;
  for (const std::string& kind : known_kinds()) {
    for (const ComponentName& other : noted) {
      const ComponentName component(kind, other.second);
      if (std::find(noted.begin(), noted.end(), component) != noted.end()) continue;
      const void* table = nullptr;
      const ssp_status status = guarded(plugin.file, "get_factory", [&] {
        return plugin.entry->get_factory(borrowed(component.first), borrowed(component.second), &table);
      });
      if (status != SSP_OK) continue;
      throw Error(Exit::plugin, fmt::format("{}: it provides {}, which its note does not say; add it to the note, or "
                                            "have get_factory know what it has",
                                            describe(plugin.file), describe(component)));
    }
  }
  forget_failure(host);
}

std::vector<Component> read_factories(const Plugin& plugin, const Library& library, const ssp_host* host) {
  std::vector<Component> components;
  refuse_unnoted(plugin, host);
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

Error ambiguous(std::string_view kind, std::string_view name, const NoteFile& a, const NoteFile& b) {
  return Error(Exit::usage, fmt::format("two plugins provide {} \"{}\": {} and {}; write \"{}:{}\" or \"{}:{}\"", kind,
                                        name, describe(a), describe(b), a.note.id, name, b.note.id, name));
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

void Registry::load_one(const NoteFile& file) const {
  // In its final place from the start: crossings and components keep pointers into it.
  Plugin& plugin = plugins_.emplace_back(Plugin{file, file.bytes->sha256(), nullptr, host_});
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
    restore_surroundings();
  } catch (...) {
    components_.erase(components_.begin() + components, components_.end());
    if (initialised) shut_down(plugin);
    plugins_.pop_back();
    throw;
  }
}

std::vector<const Plugin*> Registry::load_all(const std::vector<std::string>& paths) const {
  std::vector<const NoteFile*> loaded;
  for (const Plugin& plugin : plugins_) loaded.push_back(&plugin.file);
  std::vector<Candidate> candidates;
  for (const std::string& path : paths) candidates.push_back(examine(path, places_.unstamped));
  for (const NoteFile& file : plan_plugins(candidates, places_, loaded)) load_one(file);
  std::vector<const Plugin*> asked;
  for (const std::string& path : paths) {
    const auto same = [&path](const Plugin& plugin) { return same_file(plugin.file.path, path); };
    asked.push_back(&*std::find_if(plugins_.begin(), plugins_.end(), same));
  }
  return asked;
}

const Plugin& Registry::load(const std::string& path) const { return *load_all({path}).front(); }

std::vector<const Component*> Registry::loaded(std::string_view kind, const TypeName& type) const {
  std::vector<const Component*> found;
  for (const Component& c : components_) {
    if (c.kind == kind && c.name == type.name && (type.owner.empty() || c.plugin->file.note.id == type.owner))
      found.push_back(&c);
  }
  return found;
}

bool Registry::needs_any(std::string_view kind) const {
  return std::any_of(plugins_.begin(), plugins_.end(), [&](const Plugin& plugin) {
    const auto& needs = plugin.file.note.needs;
    return std::find(needs.begin(), needs.end(), ComponentName(kind, "*")) != needs.end();
  });
}

const Component* Registry::find_if_any(std::string_view kind, std::string_view text) const {
  const TypeName type = split_type(text);
  std::vector<const Component*> found = loaded(kind, type);
  if (found.size() > 1) throw ambiguous(kind, type.name, found[0]->plugin->file, found[1]->plugin->file);
  if (!found.empty()) return found.front();
  if (!needs_any(kind)) return nullptr;
  std::vector<NoteFile> files = providers_of(ComponentName(kind, type.name), scan_folders(places_)).usable;
  if (!type.owner.empty()) std::erase_if(files, [&](const NoteFile& file) { return file.note.id != type.owner; });
  if (files.empty()) return nullptr;
  if (files.size() > 1) throw ambiguous(kind, type.name, files[0], files[1]);
  load(files.front().path);
  found = loaded(kind, type);
  return found.empty() ? nullptr : found.front();
}

const Component& Registry::find(std::string_view kind, std::string_view text) const {
  if (const Component* component = find_if_any(kind, text)) return *component;
  std::vector<std::string> described;
  for (const Component* component : of_kind(kind))
    described.push_back(fmt::format("{} ({})", component->name, file_name(component->plugin->file)));
  const std::string near = nearest_name(std::string(split_type(text).name), names(kind));
  throw Error(Exit::usage, fmt::format("no loaded plugin provides {} \"{}\"; there {}{}{}", kind, text,
                                       described.empty() ? std::string("is none of that kind")
                                                         : fmt::format("is: {}", fmt::join(described, ", ")),
                                       near.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", near),
                                       remedy(kind, text)));
}

std::vector<std::string> Registry::names(std::string_view kind) const {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const Component* component : of_kind(kind)) add(component->name);
  if (!needs_any(kind)) return names;
  for (const NoteFile& file : providers_of(ComponentName(kind, "*"), scan_folders(places_)).usable)
    for (const ComponentName& own : file.note.provides)
      if (own.first == kind) add(own.second);
  return names;
}

std::string Registry::remedy(std::string_view kind, std::string_view text) const {
  const TypeName type = split_type(text);
  const Providers found = providers_of(ComponentName(kind, type.name), scan_folders(places_));
  for (const NoteFile& file : found.usable)
    if (type.owner.empty() || file.note.id == type.owner)
      return fmt::format("; {0} provides it: add --plugin {0}", file_name(file));
  if (!found.problem.empty()) return fmt::format("; a plugin that would provide it cannot be used: {}", found.problem);
  const bool of_plugins = kind.find('/') != kind.npos;  // optimizers, schedules and datasets are the host's
  return of_plugins ? "; if a plugin of yours provides it, name that with --plugin, or its folder with --plugin-dir"
                    : "";
}

std::vector<const Component*> Registry::of_kind(std::string_view kind) const {
  std::vector<const Component*> found;
  for (const Component& component : components_) {
    if (component.kind == kind) found.push_back(&component);
  }
  return found;
}

}  // namespace selfsup::plugin
