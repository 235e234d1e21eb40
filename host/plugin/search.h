// Finds plugin files by name in the plugin folders, never in the current directory. Reads notes, runs no plugin code.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/note.h"

namespace selfsup::plugin {

// Where plugins are looked for, and whether one without a digest is taken.
struct Places {
  std::vector<std::string> folders;
  bool unstamped = false;
};

// The folders, first match wins: the folders of --plugin-dir (Error(usage) if one is missing), those of
// SELFSUP_PLUGIN_PATH (colons between; empty and missing ones are skipped), then `built_in`. Absolute, no repetition.
std::vector<std::string> plugin_folders(const std::vector<std::string>& plugin_dirs, const std::string& built_in);

// The file that `--plugin ARGUMENT` means: a path if there is a slash in it, else a name, "x.so" or "x", in the
// folders. Error(usage) with the folders, the nearest name, and "./x.so" if such a file is in the current directory.
// asked: who asks for it, as errors say.
std::string find_plugin(const std::string& argument, const std::vector<std::string>& folders, const std::string& asked);

// One *.so of a folder. `problem`: why it cannot be used here; empty: it can.
struct Candidate {
  std::string path;
  std::optional<NoteFile> file;  // absent: no readable note
  std::string problem;
};

// Both check without throwing: glance by read_note, examine by open_plugin.
Candidate glance(const std::string& path, bool unstamped);
Candidate examine(const std::string& path, bool unstamped);

// Every *.so of the folders, at a glance, by folder and then by name. A name that an earlier folder has too is left
// out.
std::vector<Candidate> scan_folders(const Places& places);

// Those of the candidates that provide a component; of each id the first, as of each file name.
struct Providers {
  std::vector<NoteFile> usable;
  std::string problem;  // of one that provides it and cannot be used here; empty: none
};
Providers providers_of(const ComponentName& component, const std::vector<Candidate>& candidates);

}  // namespace selfsup::plugin
