// Where the parts of an ELF file lie in memory. The file says so twice: in its segments, which ld.so believes unseen,
// and in its sections, which the linker wrote beside them. Where the two disagree, the file is damaged. Knows no
// dynamic section.
#pragma once
#include <elf.h>

#include <cstdint>
#include <vector>

#include "plugin/elf_input.h"

namespace selfsup::plugin {

class ElfLayout {
 public:
  // Error unless ld.so can map the segments, and they hold all sections as those need it.
  ElfLayout(const ElfInput& file, const Elf64_Ehdr& header, const std::vector<Elf64_Phdr>& segments);

  // All, those that are not in memory too.
  const std::vector<Elf64_Shdr>& sections() const { return sections_; }
  static bool in_memory(const Elf64_Shdr& section) {
    return section.sh_type != SHT_NULL && (section.sh_flags & SHF_ALLOC) && section.sh_size > 0;
  }
  // The one in memory that begins there; null if there is none.
  const Elf64_Shdr* section_at(uint64_t address, uint32_t type) const;
  // Whether it lies in one loaded segment with these rights (PF_…).
  bool is_loaded(uint64_t address, uint64_t bytes, uint32_t rights) const {
    return load_of(address, bytes, rights) != nullptr;
  }
  // In each thread; 0 without thread-local variables.
  uint64_t thread_local_bytes() const { return thread_local_bytes_; }

 private:
  void check_loads(const ElfInput& file) const;
  void check_section(const ElfInput& file, const Elf64_Shdr& section) const;
  void check_thread_local(const ElfInput& file, const std::vector<Elf64_Phdr>& segments);
  bool ends_in_padding(const Elf64_Phdr& relro) const;
  void check_part(const ElfInput& file, const Elf64_Ehdr& header, const Elf64_Phdr& part) const;
  const Elf64_Phdr* load_of(uint64_t address, uint64_t bytes, uint32_t rights) const;

  std::vector<Elf64_Phdr> loads_;
  std::vector<Elf64_Shdr> sections_;
  uint64_t thread_local_bytes_ = 0;
};

}  // namespace selfsup::plugin
