#include "plugin/elf.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "plugin/elf_dynamic.h"

namespace selfsup::plugin {
namespace {

static_assert(std::endian::native == std::endian::little, "the reader takes numbers as they stand in the file");

constexpr uint64_t kLargestNotes = uint64_t{1} << 20, kLargestAddress = uint64_t{8} << 30;
constexpr size_t kMostHeaders = 256, kMostNotes = 1000;

constexpr std::pair<unsigned, const char*> kMachines[] = {
    {EM_X86_64, "x86_64"}, {EM_AARCH64, "aarch64"}, {EM_386, "i386"},      {EM_ARM, "arm"},
    {EM_PPC64, "ppc64le"}, {EM_S390, "s390x"},      {EM_RISCV, "riscv64"}, {EM_LOONGARCH, "loongarch64"}};

std::string machine_name(unsigned machine) {
  for (const auto& [number, name] : kMachines)
    if (number == machine) return name;
  return fmt::format("machine {}", machine);
}

Elf64_Ehdr read_header(const ElfInput& file) {
  if (file.size() == 0)
    file.fail(fmt::format("expected a plugin (an ELF shared object), found an empty file; {}", ElfInput::kRebuild));
  unsigned char ident[EI_NIDENT] = {};
  file.read(0, ident, std::min<uint64_t>(file.size(), sizeof ident), "ELF header");
  if (std::memcmp(ident, ELFMAG, SELFMAG) != 0) {
    file.fail(
        fmt::format("expected a plugin (an ELF shared object, which begins with 7f 45 4c 46), found a file that "
                    "begins with {:02x} {:02x} {:02x} {:02x}; --plugin takes the .so that the build makes",
                    ident[0], ident[1], ident[2], ident[3]));
  }
  const auto header = file.read<Elf64_Ehdr>(0, "ELF header");
  if (header.e_ident[EI_CLASS] != ELFCLASS64)
    file.fail("expected a 64-bit ELF file, found another class; build the plugin for this machine");
  if (header.e_ident[EI_DATA] != ELFDATA2LSB)
    file.fail("expected a little-endian ELF file, found another byte order; build the plugin for this machine");
  if (header.e_ident[EI_VERSION] != EV_CURRENT || header.e_version != EV_CURRENT) file.damaged("unknown ELF version");
  if (header.e_type != ET_DYN) {
    file.fail(fmt::format("expected a shared object (ELF type {}), found ELF type {}; link the plugin with -shared",
                          ET_DYN, header.e_type));
  }
  return header;
}

std::vector<Elf64_Phdr> read_segments(const ElfInput& file, const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr))
    file.damaged(fmt::format("program headers of {} bytes instead of {}", header.e_phentsize, sizeof(Elf64_Phdr)));
  if (header.e_phnum == 0 || header.e_phnum > kMostHeaders)
    file.damaged(fmt::format("{} program headers", header.e_phnum));
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  file.read(header.e_phoff, segments.data(), segments.size() * sizeof(Elf64_Phdr), "program header table");
  uint64_t loaded = 0;
  for (const Elf64_Phdr& s : segments) {
    if (s.p_type == PT_NULL || s.p_type == PT_GNU_STACK) continue;
    if (!file.holds(s.p_offset, s.p_filesz)) {
      file.fail(fmt::format("truncated or damaged: a segment needs {} bytes from byte {}, the file has {}; {}",
                            s.p_filesz, s.p_offset, file.size(), ElfInput::kRebuild));
    }
    if (s.p_type != PT_LOAD) continue;
    loaded += s.p_filesz;
    if (s.p_filesz > s.p_memsz) file.damaged("a segment is larger in the file than in memory");
    if (s.p_memsz > kLargestAddress || s.p_vaddr > kLargestAddress)
      file.damaged("a segment lies outside any sensible address");
  }
  if (loaded == 0) file.damaged("no segment to load");
  if (loaded > file.size()) file.damaged("its segments overlap");
  // The section table ends the file and is not mapped; without it the file is not what the linker wrote.
  if (header.e_shoff != 0 && !file.holds(header.e_shoff, uint64_t{header.e_shnum} * header.e_shentsize)) {
    file.fail(fmt::format("truncated: the section table at byte {} ends past the file's {} bytes; {}", header.e_shoff,
                          file.size(), ElfInput::kRebuild));
  }
  return segments;
}

void read_notes(const ElfInput& file, const Elf64_Phdr& segment, const std::string& owner, uint64_t longest,
                std::vector<ElfNote>& notes) {
  const uint64_t align = segment.p_align == 8 ? 8 : 4;
  const auto padded = [align](uint64_t n) { return (n + align - 1) / align * align; };
  if (segment.p_filesz > kLargestNotes) {
    file.damaged(fmt::format("a segment of notes with {} bytes, at most {} are read", segment.p_filesz, kLargestNotes));
  }
  size_t seen = 0;
  uint64_t at = segment.p_offset;
  const uint64_t end = segment.p_offset + segment.p_filesz;
  while (end - at >= sizeof(Elf64_Nhdr)) {
    if (++seen > kMostNotes) file.damaged(fmt::format("more than {} notes in one segment", kMostNotes));
    const auto header = file.read<Elf64_Nhdr>(at, "note header");
    // Header and owner are padded together, then the text.
    const uint64_t text_at = padded(sizeof header + uint64_t{header.n_namesz}), text_size = header.n_descsz;
    if (text_at > end - at || text_size > end - at - text_at) file.damaged("a note ends past its segment");
    if (header.n_namesz == owner.size() + 1) {
      std::string name(header.n_namesz, '\0');
      file.read(at + sizeof header, name.data(), name.size(), "note owner");
      if (name == owner + '\0') {
        if (text_size > longest) {
          file.fail(fmt::format("its note has {} bytes, at most {} are allowed; shorten the lists of the note",
                                text_size, longest));
        }
        std::string text(text_size, '\0');
        file.read(at + text_at, text.data(), text_size, "note");
        notes.push_back({header.n_type, at + text_at, std::move(text)});
      }
    }
    const uint64_t step = text_at + padded(text_size);
    if (step > end - at) return;  // the last note may lack its padding
    at += step;
  }
}

}  // namespace

ElfFile read_elf(const ElfInput& file, const std::string& note_owner, uint64_t longest_note) {
  const Elf64_Ehdr header = read_header(file);
  const std::vector<Elf64_Phdr> segments = read_segments(file, header);
  ElfFile result;
  result.machine = machine_name(header.e_machine);
  result.program_headers = {header.e_phoff, segments.size() * sizeof(Elf64_Phdr)};
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_LOAD) result.loaded.push_back({segment.p_offset, segment.p_filesz});
    if (segment.p_type == PT_NOTE) read_notes(file, segment, note_owner, longest_note, result.notes);
  }
  if (result.notes.empty()) return result;
  const ElfDynamic dynamic(file, segments);
  result.needed = dynamic.needed();
  for (const std::string& name : dynamic.needed_versions()) {
    if (name == "GLIBC_ABI_DT_RELR") result.glibc.push_back("2.36");  // the first that understands DT_RELR
    if (name.rfind("GLIBC_2.", 0) == 0 || name.rfind("GLIBC_3.", 0) == 0) result.glibc.push_back(name.substr(6));
  }
  return result;
}

std::string host_machine() {
#if defined(__x86_64__)
  return machine_name(EM_X86_64);
#elif defined(__aarch64__)
  return machine_name(EM_AARCH64);
#else
#error "name this machine here"
#endif
}

}  // namespace selfsup::plugin
