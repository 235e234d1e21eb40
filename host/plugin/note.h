// Reads a plugin's ELF note without loading the file, since constructors are code. Knows no LibTorch and loads nothing.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace selfsup::plugin {

using ComponentName = std::pair<std::string, std::string>;  // kind ("ssp.algorithm/0"), name

struct Note {
  std::string id, version;
  int sdk_major = 0, sdk_minor = 0;
  std::string tier, machine, isa;
  std::string torch;  // exact version that a native plugin is pinned to; empty: any
  std::vector<ComponentName> provides;
  std::vector<ComponentName> needs;  // name "*": any
};

struct NoteFile {
  std::string path;  // absolute
  Note note;
  std::string elf_machine;                    // what the file was built for, by its ELF header
  std::string newest_glibc;                   // highest GLIBC_x.y that .gnu.version_r asks for, as "2.36"; empty: none
  std::vector<std::string> needed_libraries;  // DT_NEEDED
};

// Bounds-checked at every step; the file is opened once. Anything but a regular file with a well-formed note is
// Error(plugin) that says what was expected, what was found, and what to do.
NoteFile read_note(const std::string& path);

// The SDK of this host, "MAJOR.MINOR".
std::string host_sdk();

// Error(plugin) if this host cannot run it: SDK, machine, glibc, tier. One message names both sides and the remedy.
void check_compatible(const NoteFile& file);

// "ssp.algorithm/0 Name", for messages.
std::string describe(const ComponentName& component);
// "vendor.name 1.2.3 (/path/file.so)".
std::string describe(const NoteFile& file);

}  // namespace selfsup::plugin
