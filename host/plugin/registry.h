// The plugins of this process and the components that they offer. Loads in order, never unloads. Knows no LibTorch.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "plugin/note.h"
#include "ssp/entry.h"

namespace selfsup::plugin {

struct Plugin {
  NoteFile file;
  std::string sha256;
  const ssp_plugin_entry* entry = nullptr;  // mapped for the life of the process
  const ssp_host* host = nullptr;           // what it got in init
};

struct Component {
  const Plugin* plugin;
  std::string kind, name;
  const void* table;  // checked: struct_size within the plugin's mapping, functions in executable segments
  mutable std::optional<Json> schema = {};  // once it has been asked for
};

class Registry {
 public:
  // host: what plugins get in init; must outlive the registry.
  explicit Registry(const ssp_host* host) : host_(host) {}
  ~Registry();  // calls shutdown of each plugin, in reverse order
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Loads all of `paths` and what they need from the folders. Every note is read, compared and resolved before any
  // plugin's code runs; all that is wrong is in one Error(plugin). Then, one after the other, dlopen, entry checks,
  // init; of a plugin that fails there nothing stays registered, those before it stay. What is here already from the
  // same file is not loaded again. Returns those of `paths`, in their order.
  std::vector<const Plugin*> load_all(const std::vector<std::string>& paths, const std::vector<std::string>& folders);
  // The same for one.
  const Plugin& load(const std::string& path, const std::vector<std::string>& folders = {});

  // Error(usage) naming what is there, the nearest name and the remedy, if there is none.
  const Component& find(std::string_view kind, std::string_view name) const;
  const Component* find_if_any(std::string_view kind, std::string_view name) const;
  std::vector<const Component*> of_kind(std::string_view kind) const;
  // "; FILE provides it: add --plugin FILE", if a plugin of the folders of load_all does that was not loaded; else "".
  std::string remedy(std::string_view kind, std::string_view name) const;
  const std::deque<Plugin>& plugins() const { return plugins_; }

 private:
  void load_one(const NoteFile& file);

  const ssp_host* host_;
  std::vector<std::string> folders_;
  std::deque<Plugin> plugins_;
  std::deque<Component> components_;
};

}  // namespace selfsup::plugin
