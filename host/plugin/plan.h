// Decides from notes alone which plugin files a run loads, and in which order. Runs no plugin code.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "plugin/note.h"

namespace selfsup::plugin {

// The files given and, transitively, those of the folders that provide what they need; a provider comes before whoever
// needs it. loaded: what the process has already; it is not in the result, and satisfies needs.
// A need for "*" of a kind takes every plugin of the folders that provides one and stands beside those given, loaded or
// taken from an earlier folder: same ids and component names are theirs.
// Every refusal at once, one a line, as Error(plugin): notes, versions, two files with one id or component, needs that
// no plugin serves.
std::vector<NoteFile> plan_plugins(const std::vector<std::string>& paths, const std::vector<std::string>& folders,
                                   const std::vector<const NoteFile*>& loaded);

// Whether the plugin provides it; name "*": anything of the kind.
bool provides(const Note& note, const ComponentName& component);
bool same_file(const std::string& a, const std::string& b);

}  // namespace selfsup::plugin
