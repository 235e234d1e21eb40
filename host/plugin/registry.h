// The plugins of this process and the components that they offer. Loads in order, never unloads. Knows no LibTorch.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/type_name.h"
#include "plugin/note.h"
#include "plugin/search.h"
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
  const void* table;  // checked: struct_size within the plugin's mapping, functions in executable segments. Of a kind
                      // that this host does not know: no more than its ssp_table_head
  mutable std::optional<Json> schema = {};  // once it has been asked for
};

class Registry {
 public:
  // host: what plugins get in init; must outlive the registry.
  explicit Registry(const ssp_host* host, Places places = {}) : host_(host), places_(std::move(places)) {}
  ~Registry();  // calls shutdown of each plugin, in reverse order
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Loads all of `paths` and what they need by name. Every note is read, compared and resolved before any plugin's code
  // runs; all that is wrong is in one Error(plugin). Then, one after the other, dlopen, entry checks, init; of a plugin
  // that fails there nothing stays registered, those before it stay. What is here already from the same file is not
  // loaded again. Returns those of `paths`, in their order.
  std::vector<const Plugin*> load_all(const std::vector<std::string>& paths) const;
  // The same for one.
  const Plugin& load(const std::string& path) const;

  // The component that `type` names. If no plugin that is loaded provides it, and one of those needs "*" of the kind,
  // the one plugin of the folders that does is loaded: Error(plugin) if that fails. Several plugins that provide it are
  // an Error(usage) that names them. None: null, or Error(usage) naming what is there, the nearest name and the remedy.
  const Component* find_if_any(std::string_view kind, std::string_view type) const;
  const Component& find(std::string_view kind, std::string_view type) const;

  std::vector<const Component*> of_kind(std::string_view kind) const;  // those that are loaded
  std::vector<std::string> names(std::string_view kind) const;         // those that find can give
  // "; FILE provides it: add --plugin FILE", if a plugin of the folders does that was not loaded; else how to name one
  // that lies elsewhere, or "" for a kind that no plugin provides.
  std::string remedy(std::string_view kind, std::string_view type) const;
  const std::deque<Plugin>& plugins() const { return plugins_; }

 private:
  void load_one(const NoteFile& file) const;
  std::vector<const Component*> loaded(std::string_view kind, const TypeName& type) const;
  bool needs_any(std::string_view kind) const;

  const ssp_host* host_;
  const Places places_;
  // Mutable: whoever holds a registry asks for components, and need not know that one had to be loaded.
  mutable std::deque<Plugin> plugins_;
  mutable std::deque<Component> components_;
};

}  // namespace selfsup::plugin
