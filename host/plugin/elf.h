// Reads what a plugin's check needs from an ELF file without mapping it. Bounds-checked at every step. Knows no SDK.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/elf_input.h"

namespace selfsup::plugin {

struct ElfNote {
  uint32_t type;
  uint64_t at;  // where the text begins in the file
  std::string text;
};

// Bytes of the file.
struct ElfRange {
  uint64_t at, bytes;
};

struct ElfFile {
  std::string machine;              // "x86_64", "aarch64", …, "machine 243" when it has no name here
  ElfRange program_headers;         // the table of segments
  std::vector<ElfRange> loaded;     // the segments that are mapped, in the order of that table
  std::vector<ElfNote> notes;       // those with the owner asked for, in the order of the file
  std::vector<std::string> needed;  // DT_NEEDED
  std::vector<std::string> glibc;   // versions asked for: "2.17", …; unsorted
};

// Every text is at most `longest_note` bytes. Error(plugin) unless it is a whole 64-bit little-endian shared object:
// all segments lie inside the file, since mapping one that does not ends in SIGBUS. A file without such notes is read
// no further. Whether ld.so can follow the rest is not looked at: that it is what the linker wrote, its digest tells.
ElfFile read_elf(const ElfInput& file, const std::string& note_owner, uint64_t longest_note);

// The machine of this process, in the same words.
std::string host_machine();

}  // namespace selfsup::plugin
