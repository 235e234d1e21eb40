// Whether this host can run a plugin, by its note and its file alone. Loads nothing.
#pragma once
#include <string>

#include "plugin/note.h"

namespace selfsup::plugin {

// The SDK of this host, "MAJOR.MINOR".
std::string host_sdk();

// Error(plugin) if this host cannot run it: SDK, digest, machine, glibc, tier. One message names both sides and the
// remedy. unstamped: a file without a digest is taken; one with a wrong digest never is, one that is unread may yet be.
void check_compatible(const NoteFile& file, bool unstamped);

}  // namespace selfsup::plugin
