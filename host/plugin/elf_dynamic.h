// The dynamic section of an ELF file: what it needs from others. Knows no sections.
#pragma once
#include <elf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/elf_input.h"

namespace selfsup::plugin {

class ElfDynamic {
 public:
  // Error unless it ends, and every name that it needs ends within the string table. Both must outlive the object.
  ElfDynamic(const ElfInput& file, const std::vector<Elf64_Phdr>& segments);

  const std::vector<std::string>& needed() const { return needed_; }
  // "GLIBC_2.17", …
  std::vector<std::string> needed_versions() const;

 private:
  uint64_t file_offset(uint64_t address, const char* what) const;
  std::string string_at(uint64_t offset) const;

  const ElfInput& file_;
  const std::vector<Elf64_Phdr>& segments_;
  std::vector<std::string> needed_;
  uint64_t strings_ = 0, strings_size_ = 0, versions_ = 0;  // versions_: its address; 0: none
};

}  // namespace selfsup::plugin
