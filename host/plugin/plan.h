// Decides from notes alone which plugin files a run loads, and in which order. Runs no plugin code.
#pragma once
#include <string>
#include <vector>

#include "plugin/note.h"
#include "plugin/search.h"

namespace selfsup::plugin {

// The files asked for and, transitively, those of the folders that provide what they need by name; a provider comes
// before whoever needs it. loaded: what the process has already; it is not in the result, and satisfies needs. A need
// for "*" asks for nothing here: which of the kind is wanted, the configuration says (registry.h). Every refusal at
// once, one a line, as Error(plugin): notes, versions, two files with one id, needs that no plugin or more than one
// serves.
std::vector<NoteFile> plan_plugins(const std::vector<Candidate>& asked, const Places& places,
                                   const std::vector<const NoteFile*>& loaded);

bool same_file(const std::string& a, const std::string& b);

}  // namespace selfsup::plugin
