// Checks the C tables of a mapped plugin before the host calls through them. Knows layouts, not meanings.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "plugin/loader.h"
#include "ssp/entry.h"

namespace selfsup::plugin {

// All throw Error(plugin) that begins with `who`: a table outside the plugin's own memory, a struct_size of 0, below
// the first minor's or past its segment, unknown flags, a function that is required and null, or that is not the
// plugin's own code, state that is saved and not loaded. Of a kind that this host does not know, only the head counts.
const ssp_plugin_entry* check_entry(const std::string& who, const Library& library);
void check_table(const std::string& who, const Image& image, std::string_view kind, const void* table);

// The kinds of components that this host knows.
const std::vector<std::string>& known_kinds();
bool is_known_kind(std::string_view kind);

}  // namespace selfsup::plugin
