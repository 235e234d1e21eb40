// Reads what a plugin's check needs from an ELF file without mapping it. Bounds-checked at every step. Knows no SDK.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace selfsup::plugin {

struct ElfNote {
  std::string owner;
  uint32_t type;
  std::string text;
};

struct ElfFile {
  std::string machine;              // "x86_64", "aarch64", …, "machine 243" when it has no name here
  std::vector<ElfNote> notes;       // those with the owner asked for, in the order of the file
  std::vector<std::string> needed;  // DT_NEEDED
  std::vector<std::string> glibc;   // versions asked for: "2.17", …; unsorted
};

// Every text is at most `longest_note` bytes. The file is opened once. Error(plugin) unless it is a regular file that
// holds a whole 64-bit little-endian shared object: all segments lie inside the file, since mapping one that does not
// ends in SIGBUS. A file without such notes is read no further. One with them that is for this machine must also be
// safe to load: ld.so follows whatever the file says, so it is an Error(plugin) if that leads astray.
ElfFile read_elf(const std::string& path, const std::string& note_owner, uint64_t longest_note);

// The machine of this process, in the same words.
std::string host_machine();

}  // namespace selfsup::plugin
