// A plugin's ELF note: read without loading the file, since constructors are code, and stamped with the digest. Knows
// no LibTorch and loads nothing.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/elf_input.h"

namespace selfsup::plugin {

using ComponentName = std::pair<std::string, std::string>;  // kind ("ssp.algorithm/0"), name

struct Note {
  std::string id, version;
  int sdk_major = 0, sdk_minor = 0;
  std::string tier, machine, isa;
  std::string torch;   // exact version that a native plugin is pinned to; empty: any
  std::string digest;  // as written; empty: none, or 64 zeros, which stand for none
  std::vector<ComponentName> provides;
  std::vector<ComponentName> needs;  // name "*": any
};

// Whether the file is what was stamped. unread: it has a digest, with which nobody has compared its bytes.
enum class Digest { unread, none, right, wrong };

struct NoteFile {
  std::string path;  // absolute
  Note note;
  Digest digest = Digest::unread;
  std::string elf_machine;                    // what the file was built for, by its ELF header
  std::string newest_glibc;                   // highest GLIBC_x.y that .gnu.version_r asks for, as "2.36"; empty: none
  std::vector<std::string> needed_libraries;  // DT_NEEDED
  std::shared_ptr<const ElfInput> bytes;      // of open_plugin: all of this is read from them, and they are loaded
};

// Both are bounds-checked at every step, and open the file once. Anything but a regular file with a well-formed note is
// Error(plugin) that says what was expected, what was found, and what to do. read_note reads the note, and keeps
// nothing open; open_plugin takes a copy of the file, and compares it with its digest.
NoteFile read_note(const std::string& path);
NoteFile open_plugin(const std::string& path);

// Writes the digest into the note of the file; false: it stands there already. Error(plugin) as read_note and if the
// note has no place for one, Error(storage) if the file cannot be written.
bool stamp(const std::string& path);

// Whether the plugin provides it; name "*": anything of the kind.
bool provides(const Note& note, const ComponentName& component);

// "ssp.algorithm/0 Name", for messages.
std::string describe(const ComponentName& component);
// "vendor.name 1.2.3 (/path/file.so)".
std::string describe(const NoteFile& file);

}  // namespace selfsup::plugin
