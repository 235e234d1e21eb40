#include "plugin/elf_layout.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

namespace selfsup::plugin {
namespace {

constexpr uint64_t kLargestThreadLocal = uint64_t{64} << 20;

bool holds(uint64_t begin, uint64_t bytes, uint64_t address, uint64_t wanted) {
  return address >= begin && wanted <= bytes && address - begin <= bytes - wanted;
}

uint64_t page_size() { return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)); }
uint64_t to_page_end(uint64_t address) { return (address + page_size() - 1) / page_size() * page_size(); }

bool in_file(const Elf64_Shdr& section) { return section.sh_type != SHT_NOBITS; }

}  // namespace

ElfLayout::ElfLayout(const ElfInput& file, const Elf64_Ehdr& header, const std::vector<Elf64_Phdr>& segments) {
  for (const Elf64_Phdr& s : segments) {
    if (s.p_type == PT_LOAD) loads_.push_back(s);
  }
  check_loads(file);
  if (header.e_shnum == 0 || header.e_shentsize != sizeof(Elf64_Shdr))
    file.fail("expected a section table, found none; build the plugin again, and remove its symbols with strip only");
  sections_ = file.read_all<Elf64_Shdr>(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr), "section table");
  for (const Elf64_Shdr& s : sections_) {
    if (in_memory(s)) check_section(file, s);
  }
  check_thread_local(file, segments);
  for (const Elf64_Phdr& s : segments) check_part(file, header, s);
}

const Elf64_Shdr* ElfLayout::section_at(uint64_t address, uint32_t type) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(), [&](const Elf64_Shdr& s) {
    return in_memory(s) && s.sh_addr == address && s.sh_type == type;
  });
  return found == sections_.end() ? nullptr : &*found;
}

const Elf64_Phdr* ElfLayout::load_of(uint64_t address, uint64_t bytes, uint32_t rights) const {
  const auto found = std::find_if(loads_.begin(), loads_.end(), [&](const Elf64_Phdr& s) {
    return (s.p_flags & rights) == rights && holds(s.p_vaddr, s.p_memsz, address, bytes);
  });
  return found == loads_.end() ? nullptr : &*found;
}

// ld.so maps whole pages, each segment over what is there already.
void ElfLayout::check_loads(const ElfInput& file) const {
  const uint64_t page = page_size();
  uint64_t end = 0;
  for (const Elf64_Phdr& s : loads_) {
    if (!(s.p_flags & PF_R)) file.damaged("a segment that may not be read");
    if (!std::has_single_bit(s.p_align) || s.p_align < page || (s.p_vaddr - s.p_offset) % s.p_align != 0)
      file.damaged(fmt::format("a segment that is not aligned to pages of {} bytes", page));
    if (s.p_vaddr / page * page < end) file.damaged("segments that overlap, or are out of order");
    end = to_page_end(s.p_vaddr + s.p_memsz);
  }
}

void ElfLayout::check_section(const ElfInput& file, const Elf64_Shdr& s) const {
  if ((s.sh_flags & SHF_TLS) && !in_file(s)) return;  // each thread has its own, elsewhere
  const uint32_t rights = PF_R | (s.sh_flags & SHF_WRITE ? PF_W : 0u) | (s.sh_flags & SHF_EXECINSTR ? PF_X : 0u);
  const Elf64_Phdr* load = load_of(s.sh_addr, s.sh_size, rights);
  if (load) {
    const uint64_t at = s.sh_addr - load->p_vaddr;  // memory past the segment's bytes in the file is zero
    if (in_file(s) ? s.sh_offset == load->p_offset + at && at + s.sh_size <= load->p_filesz : at >= load->p_filesz)
      return;
  }
  file.damaged(
      fmt::format("its segments do not load the section at address {:#x} as the section table says", s.sh_addr));
}

void ElfLayout::check_thread_local(const ElfInput& file, const std::vector<Elf64_Phdr>& segments) {
  uint64_t begin = UINT64_MAX, file_end = 0, end = 0, align = 1;
  for (const Elf64_Shdr& s : sections_) {
    if (!in_memory(s) || !(s.sh_flags & SHF_TLS)) continue;
    begin = std::min(begin, s.sh_addr);
    end = std::max(end, s.sh_addr + s.sh_size);
    if (in_file(s)) file_end = end;
    align = std::max(align, s.sh_addralign);
  }
  size_t count = 0;
  for (const Elf64_Phdr& s : segments) {
    if (s.p_type != PT_TLS || s.p_memsz == 0) continue;
    ++count;
    thread_local_bytes_ = s.p_memsz;
    const bool agrees = s.p_vaddr == begin && s.p_filesz == (file_end ? file_end - begin : 0) &&
                        s.p_memsz >= end - begin && s.p_memsz <= kLargestThreadLocal && s.p_filesz <= s.p_memsz &&
                        std::has_single_bit(s.p_align) && s.p_align >= align && s.p_align <= kLargestThreadLocal;
    if (!agrees) file.damaged("its segment of thread-local variables is not what the section table says");
  }
  if (count != (end > 0 ? 1 : 0)) file.damaged("sections of thread-local variables without one segment for them");
}

// What ld.so makes read-only after relocation may be larger in memory than in the file by padding only: variables there
// could not be written.
bool ElfLayout::ends_in_padding(const Elf64_Phdr& relro) const {
  const uint64_t begin = relro.p_vaddr + relro.p_filesz, end = relro.p_vaddr + relro.p_memsz;
  return begin == end || std::none_of(sections_.begin(), sections_.end(), [&](const Elf64_Shdr& s) {
           const uint64_t section_end = s.sh_addr + s.sh_size;
           if (!in_memory(s) || ((s.sh_flags & SHF_TLS) && !in_file(s))) return false;
           return s.sh_addr < end && section_end > begin && (in_file(s) || section_end != end);
         });
}

// The segments that are parts of loaded ones.
void ElfLayout::check_part(const ElfInput& file, const Elf64_Ehdr& header, const Elf64_Phdr& part) const {
  uint32_t rights = PF_R;
  bool agrees = part.p_filesz <= part.p_memsz;
  const auto is_section = [&](uint32_t type) {
    const Elf64_Shdr* section = section_at(part.p_vaddr, type);
    return section && section->sh_size == part.p_filesz && part.p_filesz == part.p_memsz;
  };
  switch (part.p_type) {
    case PT_DYNAMIC:
      rights |= part.p_flags & PF_W;  // ld.so writes addresses into it, if it may
      agrees &= is_section(SHT_DYNAMIC);
      break;
    case PT_GNU_EH_FRAME:
      agrees &= is_section(SHT_PROGBITS) || is_section(SHT_X86_64_UNWIND);
      break;
    case PT_PHDR:
      agrees &= part.p_offset == header.e_phoff;
      break;
    case PT_GNU_RELRO:
      rights |= PF_W;
      agrees &= ends_in_padding(part);
      break;
    case PT_TLS:  // what threads begin with; its size in memory is elsewhere
      if (part.p_filesz == 0) return;
      break;
    case PT_NOTE:
    case PT_GNU_PROPERTY:
      break;
    default:
      return;
  }
  const Elf64_Phdr* load = load_of(part.p_vaddr, part.p_filesz, rights);
  agrees &= load && part.p_offset - load->p_offset == part.p_vaddr - load->p_vaddr;
  // Linkers let PT_GNU_RELRO end with the last page.
  if (agrees && part.p_type != PT_TLS)
    agrees =
        holds(load->p_vaddr, to_page_end(load->p_vaddr + load->p_memsz) - load->p_vaddr, part.p_vaddr, part.p_memsz);
  if (!agrees) file.damaged(fmt::format("its segment of type {:#x} is no part of what is loaded", part.p_type));
}

}  // namespace selfsup::plugin
