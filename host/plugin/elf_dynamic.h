// The dynamic section of an ELF file: what it needs from others, and where ld.so finds its tables. Knows no sections.
#pragma once
#include <elf.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/elf_input.h"

namespace selfsup::plugin {

class ElfDynamic {
 public:
  // Error unless every entry stands once (where ld.so takes one) and every name ends within the string table. Both must
  // outlive the object.
  ElfDynamic(const ElfInput& file, const std::vector<Elf64_Phdr>& segments);

  std::optional<uint64_t> value(int64_t tag) const;
  const std::vector<std::string>& needed() const { return needed_; }

  struct Version {
    std::string file, name;  // "libc.so.6", "GLIBC_2.17"
    unsigned index;          // by which symbols refer to it
  };
  std::vector<Version> needed_versions() const;

  // Whether a name in the string table can begin there.
  bool is_name(uint64_t offset) const { return offset < strings_size_; }

 private:
  uint64_t file_offset(uint64_t address, const char* what) const;
  std::string string_at(uint64_t offset) const;

  const ElfInput& file_;
  const std::vector<Elf64_Phdr>& segments_;
  std::map<int64_t, uint64_t> values_;
  std::vector<std::string> needed_;
  uint64_t strings_ = 0, strings_size_ = 0;
};

}  // namespace selfsup::plugin
