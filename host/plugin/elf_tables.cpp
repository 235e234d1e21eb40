#include "plugin/elf_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace selfsup::plugin {
namespace {

constexpr uint64_t kWord = sizeof(Elf64_Addr);

// A table that the dynamic section names, and what the section table says of it. The size is given by an entry of its
// own (0: by the section), and may then be that of several sections.
struct Table {
  int64_t address, size;
  uint32_t section_type;
};
constexpr Table kStrings = {DT_STRTAB, DT_STRSZ, SHT_STRTAB}, kSymbols = {DT_SYMTAB, 0, SHT_DYNSYM},
                kHash = {DT_HASH, 0, SHT_HASH}, kGnuHash = {DT_GNU_HASH, 0, SHT_GNU_HASH},
                kVersions = {DT_VERSYM, 0, SHT_GNU_versym}, kNeeded = {DT_VERNEED, 0, SHT_GNU_verneed},
                kDefined = {DT_VERDEF, 0, SHT_GNU_verdef}, kRelocations = {DT_RELA, DT_RELASZ, SHT_RELA},
                kPltRelocations = {DT_JMPREL, DT_PLTRELSZ, SHT_RELA}, kRelative = {DT_RELR, DT_RELRSZ, SHT_RELR},
                kInitArray = {DT_INIT_ARRAY, DT_INIT_ARRAYSZ, SHT_INIT_ARRAY},
                kFiniArray = {DT_FINI_ARRAY, DT_FINI_ARRAYSZ, SHT_FINI_ARRAY};
constexpr Table kAll[] = {kStrings, kSymbols,     kHash,           kGnuHash,  kVersions,  kNeeded,
                          kDefined, kRelocations, kPltRelocations, kRelative, kInitArray, kFiniArray};

// The types of relocations that a shared object of this machine may ask ld.so for.
constexpr uint32_t kRelativeType =
#if defined(__x86_64__)
    R_X86_64_RELATIVE;
constexpr uint32_t kRelocationTypes[] = {R_X86_64_NONE,     R_X86_64_64,       R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT,
                                         R_X86_64_RELATIVE, R_X86_64_DTPMOD64, R_X86_64_DTPOFF64, R_X86_64_TPOFF64,
                                         R_X86_64_TLSDESC,  R_X86_64_IRELATIVE};
#elif defined(__aarch64__)
    R_AARCH64_RELATIVE;
constexpr uint32_t kRelocationTypes[] = {
    R_AARCH64_NONE,       R_AARCH64_ABS64,      R_AARCH64_GLOB_DAT,  R_AARCH64_JUMP_SLOT, R_AARCH64_RELATIVE,
    R_AARCH64_TLS_DTPMOD, R_AARCH64_TLS_DTPREL, R_AARCH64_TLS_TPREL, R_AARCH64_TLSDESC,   R_AARCH64_IRELATIVE};
#else
#error "name this machine's relocations here"
#endif

class Checker {
 public:
  Checker(const ElfInput& file, const ElfLayout& layout, const ElfDynamic& dynamic)
      : file_(file), layout_(layout), dynamic_(dynamic) {}

  void check() {
    check_places();
    check_entry_sizes();
    check_functions();
    check_symbols();
    check_hash();
    check_gnu_hash();
    check_versions();
    check_relocations(kRelocations);
    check_relocations(kPltRelocations);
    check_relative();
  }

 private:
  void require(bool good, const char* what) const {
    if (!good) file_.damaged(what);
  }

  // Dynamic section and section table name the same tables, of the same sizes.
  void check_places() const {
    std::vector<const Elf64_Shdr*> named;
    for (const Table& table : kAll) {
      const auto address = dynamic_.value(table.address);
      const auto size = dynamic_.value(table.size);
      if (table.size) require(address.has_value() == size.has_value(), "a table without its address or its size");
      if (!address || (table.size && *size == 0)) continue;
      const auto disagree = [&] {
        file_.damaged(fmt::format("dynamic entry {:#x} names a table at {:#x} that is none by the section table",
                                  table.address, *address));
      };
      uint64_t end = *address;
      while (const Elf64_Shdr* section = layout_.section_at(end, table.section_type)) {
        named.push_back(section);
        end += section->sh_size;
        if (!table.size || end - *address >= *size) break;
      }
      if (end == *address || (table.size && end - *address != *size)) disagree();
    }
    for (const Elf64_Shdr& section : layout_.sections()) {
      const auto is_of = [&](const Table& table) { return table.section_type == section.sh_type; };
      if (ElfLayout::in_memory(section) && std::any_of(std::begin(kAll), std::end(kAll), is_of))
        require(std::find(named.begin(), named.end(), &section) != named.end(),
                "a table that the dynamic section does not name");
    }
  }

  void check_entry_sizes() const {
    const auto must_be = [&](const Table& table, int64_t tag, uint64_t expected) {
      if (dynamic_.value(table.address) && dynamic_.value(tag) != expected)
        file_.damaged(fmt::format("dynamic entry {:#x} is not {}", tag, expected));
    };
    must_be(kSymbols, DT_SYMENT, sizeof(Elf64_Sym));
    must_be(kRelocations, DT_RELAENT, sizeof(Elf64_Rela));
    must_be(kPltRelocations, DT_PLTREL, DT_RELA);
    must_be(kRelative, DT_RELRENT, kWord);
    require(dynamic_.value(DT_SYMTAB) && (dynamic_.value(DT_HASH) || dynamic_.value(DT_GNU_HASH)),
            "no symbol table, or no hash table for it");
  }

  void check_functions() const {
    for (const int64_t tag : {DT_INIT, DT_FINI}) {
      const auto address = dynamic_.value(tag);
      if (!address) continue;
      const Elf64_Shdr* section = layout_.section_at(*address, SHT_PROGBITS);
      if (section && (section->sh_flags & SHF_EXECINSTR)) continue;
      file_.fail(
          fmt::format("damaged, or linked with -init or -fini: {} is not the begin of a section of code; {}, or use "
                      "functions of the attributes constructor and destructor",
                      tag == DT_INIT ? "DT_INIT" : "DT_FINI", ElfInput::kRebuild));
    }
  }

  void check_symbols() {
    const std::vector<Elf64_Sym> symbols = read<Elf64_Sym>(kSymbols);
    symbols_ = symbols.size();
    for (size_t i = 1; i < symbols_; ++i) {
      const Elf64_Sym& s = symbols[i];
      require(dynamic_.is_name(s.st_name), "the name of a symbol lies outside the string table");
      if (s.st_shndx == SHN_ABS) continue;
      require(s.st_shndx == SHN_UNDEF ? is_sought(s) : is_there(s),
              "a symbol is neither in this file nor sought in others");
    }
  }
  // Others would not be looked up, but taken as an address in this file.
  static bool is_sought(const Elf64_Sym& s) { return !is_local(s) && ELF64_ST_VISIBILITY(s.st_other) == STV_DEFAULT; }
  static bool is_local(const Elf64_Sym& s) { return ELF64_ST_BIND(s.st_info) == STB_LOCAL; }
  bool is_there(const Elf64_Sym& s) const {
    const auto type = ELF64_ST_TYPE(s.st_info);
    if (type == STT_TLS) return layout_.thread_local_bytes() > 0 && s.st_value <= layout_.thread_local_bytes();
    if (is_local(s) && type != STT_SECTION) return false;
    if (!layout_.is_loaded(s.st_value, s.st_size, type == STT_GNU_IFUNC ? PF_X : PF_R)) return false;
    if (s.st_size == 0) return true;  // linkers give _end and its like any section
    if (s.st_shndx >= layout_.sections().size()) return false;
    const Elf64_Shdr& section = layout_.sections()[s.st_shndx];
    return s.st_value >= section.sh_addr && s.st_value - section.sh_addr + s.st_size <= section.sh_size;
  }

  void check_hash() const {
    const std::vector<uint32_t> words = read<uint32_t>(kHash);
    if (words.empty()) return;
    const char* what = "the hash table of symbols";
    require(words.size() >= 2, what);
    const uint64_t buckets = words[0], chains = words[1];
    require(words.size() - 2 >= buckets + chains && chains <= symbols_, what);
    const uint32_t* next = &words[2 + buckets];
    uint64_t steps = 0;  // a chain may not come back to itself
    for (uint64_t i = 0; i < buckets; ++i) {
      for (uint32_t at = words[2 + i]; at != STN_UNDEF; at = next[at]) require(at < chains && ++steps <= chains, what);
    }
  }

  void check_gnu_hash() const {
    const std::vector<uint32_t> words = read<uint32_t>(kGnuHash);
    if (words.empty()) return;
    const char* what = "the GNU hash table of symbols";
    constexpr uint64_t head = 4;
    require(words.size() >= head, what);
    const uint64_t buckets = words[0], first = words[1], filter = words[2];  // filter: in words of the machine
    require(std::has_single_bit(filter) && words.size() - head >= filter * 2 + buckets, what);
    const uint64_t chains_at = head + filter * 2 + buckets;
    for (uint64_t i = chains_at - buckets; i < chains_at; ++i) {
      const uint64_t begin = words[i];
      if (begin == 0) continue;
      require(begin >= first && begin < symbols_, what);
      const uint64_t end = chains_at + symbols_ - first;  // of the chains; an odd word ends one
      require(end <= words.size() && words[end - 1] % 2 == 1, what);
    }
  }

  // Symbols may have the versions that are needed or defined, and no others: ld.so keeps an array of those.
  void check_versions() const {
    unsigned highest = VER_NDX_GLOBAL;
    for (const ElfDynamic::Version& version : dynamic_.needed_versions()) {
      const std::vector<std::string>& needed = dynamic_.needed();
      require(std::find(needed.begin(), needed.end(), version.file) != needed.end(),
              "a version of a library that is not among those needed");
      highest = std::max(highest, version.index);
    }
    const std::vector<char> bytes = read<char>(kDefined);
    for (size_t at = 0, next = 1; !bytes.empty() && next != 0; at += next) {
      const auto definition = part<Elf64_Verdef>(bytes, at);
      require(dynamic_.is_name(part<Elf64_Verdaux>(bytes, at + definition.vd_aux).vda_name), "the name of a version");
      highest = std::max(highest, definition.vd_ndx & 0x7fffu);
      next = definition.vd_next;
    }
    const std::vector<Elf64_Half> versions = read<Elf64_Half>(kVersions);
    require(versions.empty() || versions.size() == symbols_, "not one version for each symbol");
    for (const Elf64_Half version : versions) require((version & 0x7fffu) <= highest, "an unknown version of a symbol");
  }

  void check_relocations(const Table& table) const {
    const uint64_t relative = table.address == DT_RELA ? dynamic_.value(DT_RELACOUNT).value_or(0) : 0;
    const std::vector<Elf64_Rela> relocations = read<Elf64_Rela>(table);
    require(relative <= relocations.size(), "DT_RELACOUNT is more than there are");
    for (size_t i = 0; i < relocations.size(); ++i) {
      const Elf64_Rela& r = relocations[i];
      const uint32_t type = ELF64_R_TYPE(r.r_info);
      const bool known =
          std::find(std::begin(kRelocationTypes), std::end(kRelocationTypes), type) != std::end(kRelocationTypes);
      require(known && (type == kRelativeType || i >= relative), "a relocation of a type that is not expected");
      require(ELF64_R_SYM(r.r_info) < symbols_, "a relocation by a symbol that is not there");
      require(type == 0 || layout_.is_loaded(r.r_offset, kWord, PF_W), "a relocation outside what may be written");
    }
  }

  // An even word is an address; the bits of an odd one stand for the words after the last address.
  void check_relative() const {
    uint64_t at = 0;
    for (const uint64_t word : read<uint64_t>(kRelative)) {
      if (word % 2 == 0) at = word;
      const uint64_t words = word % 2 == 0 ? 1 : 63;
      for (uint64_t i = 0; i < words; ++i, at += kWord) {
        if (words == 1 || (word >> (i + 1)) % 2 == 1)
          require(layout_.is_loaded(at, kWord, PF_W), "a relocation outside what may be written");
      }
    }
  }

  template <class T>
  T part(const std::vector<char>& bytes, uint64_t at) const {
    require(at <= bytes.size() && sizeof(T) <= bytes.size() - at, "the table of versions");
    T value;
    std::copy_n(bytes.data() + at, sizeof value, reinterpret_cast<char*>(&value));
    return value;
  }

  // Empty if there is none. check_places() has been through.
  template <class T>
  std::vector<T> read(const Table& table) const {
    const auto address = dynamic_.value(table.address);
    const Elf64_Shdr* section = address ? layout_.section_at(*address, table.section_type) : nullptr;
    if (!section) return {};
    const uint64_t bytes = table.size ? *dynamic_.value(table.size) : section->sh_size;
    require(bytes % sizeof(T) == 0, "a table of broken size");
    return file_.read_all<T>(section->sh_offset, bytes, "table");
  }

  const ElfInput& file_;
  const ElfLayout& layout_;
  const ElfDynamic& dynamic_;
  uint64_t symbols_ = 0;
};

}  // namespace

void check_tables(const ElfInput& file, const ElfLayout& layout, const ElfDynamic& dynamic) {
  Checker(file, layout, dynamic).check();
}

}  // namespace selfsup::plugin
