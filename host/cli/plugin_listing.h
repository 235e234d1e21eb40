// The commands `list` and `inspect`: what plugin files are, told from their notes. Runs no plugin code.
#pragma once
#include <iosfwd>
#include <string>

#include "plugin/search.h"

namespace selfsup::cli {

// Both write data to `out`, as text or as one JSON document, also of plugins that cannot be used here: saying so is the
// answer.

// Every *.so of the folders, with what it provides or why it cannot be used.
void list_plugins(std::ostream& out, const plugin::Places& places, bool json);

// One plugin; argument as in --plugin. Error(plugin) if the file has no readable note.
void inspect_plugin(std::ostream& out, const std::string& argument, const plugin::Places& places, bool json);

}  // namespace selfsup::cli
