// The tables that ld.so follows when it loads an ELF file: symbols, hashes, versions, relocations, functions to call.
// ld.so does not check them: one that leads astray ends the process. Knows no notes.
#pragma once
#include "plugin/elf_dynamic.h"
#include "plugin/elf_input.h"
#include "plugin/elf_layout.h"

namespace selfsup::plugin {

// Error unless each lies where the section table says, and all indexes and addresses in them stay inside the file. For
// a file of this machine. What the code then does with the addresses is not looked at.
void check_tables(const ElfInput& file, const ElfLayout& layout, const ElfDynamic& dynamic);

}  // namespace selfsup::plugin
