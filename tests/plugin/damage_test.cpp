// Files whose headers or tables are damaged: refused, or loaded without harm.
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/random.h"
#include "plugin/note.h"
#include "plugin/registry.h"
#include "plugin/support/plugins.h"

using namespace selfsup;
using namespace selfsup::plugin;
using namespace selfsup::plugin::test;
using Catch::Matchers::Contains;

namespace {

// A copy of a plugin, to be damaged.
struct Elf {
  std::string bytes;

  template <class T>
  T* at(uint64_t offset) {
    return reinterpret_cast<T*>(bytes.data() + offset);
  }
  Elf64_Ehdr& header() { return *at<Elf64_Ehdr>(0); }
  Elf64_Shdr& section(uint32_t type, int skip = 0) {
    auto* sections = at<Elf64_Shdr>(header().e_shoff);
    for (int i = 0; i < header().e_shnum; ++i) {
      if (sections[i].sh_type == type && (sections[i].sh_flags & SHF_ALLOC) && skip-- == 0) return sections[i];
    }
    throw std::runtime_error(fmt::format("no section of type {}", type));
  }
  Elf64_Phdr& segment(uint32_t type, int skip = 0) {
    auto* segments = at<Elf64_Phdr>(header().e_phoff);
    for (int i = 0; i < header().e_phnum; ++i) {
      if (segments[i].p_type == type && skip-- == 0) return segments[i];
    }
    throw std::runtime_error(fmt::format("no segment of type {}", type));
  }
  Elf64_Dyn& dynamic(int64_t tag) {
    for (auto* e = at<Elf64_Dyn>(section(SHT_DYNAMIC).sh_offset); e->d_tag != DT_NULL; ++e) {
      if (e->d_tag == tag) return *e;
    }
    throw std::runtime_error(fmt::format("no dynamic entry {:#x}", tag));
  }
  bool has(int64_t tag) {
    try {
      dynamic(tag);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }
  // The first entry of a table.
  template <class T>
  T& first(uint32_t section_type, int skip = 0) {
    return *at<T>(section(section_type, skip).sh_offset);
  }
};

const std::string kMae = SELFSUP_BINARY_DIR "/lib/selfsup/plugins/mae.so";

// "" if the file is not refused. Reads it only.
std::string refusal(const std::string& path, const std::function<void(Elf&)>& damage) {
  const TempFolder folder;
  Elf elf{read_bytes(path)};
  damage(elf);
  write_bytes(folder / "plugin.so", elf.bytes);
  return error_of([&] { read_note(folder / "plugin.so"); });
}

// Loads it, and unloads it as at the end of a run.
Outcome load_and_exit(const std::string& path) {
  std::fflush(nullptr);  // the child must not write it again
  return in_child([&]() -> int {
    int code = 0;
    {
      Registry registry(host());
      try {
        registry.load(path);
      } catch (const Error& error) {
        fmt::print(stderr, "{}", error.what());
        code = static_cast<int>(error.exit());
      }
    }
    std::exit(code);
  });
}

}  // namespace

TEST_CASE("an entry of the dynamic section that leads astray is refused") {
  for (const std::string& path : {fixture("good"), kMae}) {
    for (const int64_t tag :
         {DT_STRTAB,       DT_STRSZ,      DT_SYMTAB,       DT_SYMENT,  DT_GNU_HASH, DT_RELA,     DT_RELASZ,
          DT_RELAENT,      DT_JMPREL,     DT_PLTRELSZ,     DT_PLTREL,  DT_INIT,     DT_FINI,     DT_INIT_ARRAY,
          DT_INIT_ARRAYSZ, DT_FINI_ARRAY, DT_FINI_ARRAYSZ, DT_VERNEED, DT_VERSYM,   DT_RELACOUNT}) {
      Elf whole{read_bytes(path)};
      if ((tag == DT_INIT || tag == DT_FINI) && !whole.has(tag)) continue;  // not every linker has them
      const uint64_t value = whole.dynamic(tag).d_un.d_val;
      for (const uint64_t other : {uint64_t{0x7fffffff0000}, value + 8, value - 8, UINT64_MAX}) {
        if (tag == DT_RELACOUNT && other == value - 8) continue;  // the rest is relocated one by one
        CAPTURE(path, tag, other);
        CHECK_THAT(refusal(path, [&](Elf& e) { e.dynamic(tag).d_un.d_val = other; }), Contains("damaged"));
      }
      if (tag == DT_INIT || tag == DT_FINI || tag == DT_VERSYM || tag == DT_RELACOUNT) continue;  // ld.so does without
      CAPTURE(path, tag);
      CHECK_THAT(refusal(path, [&](Elf& e) { e.dynamic(tag).d_tag = 0x60000000; }), Contains("damaged"));
    }
  }
}

TEST_CASE("what of a file leads ld.so astray, and how it is called") {
  struct Case {
    const char* text;
    std::function<void(Elf&)> damage;
  };
  const auto second_rela = [](Elf& e) -> Elf64_Rela& { return e.first<Elf64_Rela>(SHT_RELA, 1); };
  const auto last_symbol = [](Elf& e) -> Elf64_Sym& {
    const Elf64_Shdr& table = e.section(SHT_DYNSYM);
    return e.at<Elf64_Sym>(table.sh_offset)[table.sh_size / sizeof(Elf64_Sym) - 1];
  };
  const auto hash = [](Elf& e) { return &e.first<uint32_t>(SHT_GNU_HASH); };
  const Case cases[] = {
      {"not aligned to pages", [](Elf& e) { e.segment(PT_LOAD).p_align = 8; }},
      {"not aligned to pages", [](Elf& e) { e.segment(PT_LOAD, 1).p_offset += 8; }},
      {"overlap, or are out of order", [](Elf& e) { std::swap(e.segment(PT_LOAD, 1), e.segment(PT_LOAD, 2)); }},
      {"overlap, or are out of order", [](Elf& e) { e.segment(PT_LOAD).p_memsz += 4096; }},
      {"may not be read", [](Elf& e) { e.segment(PT_LOAD, 2).p_flags = PF_W; }},
      {"do not load the section", [](Elf& e) { e.segment(PT_LOAD, 1).p_flags = PF_R; }},
      {"do not load the section", [](Elf& e) { e.segment(PT_LOAD, 3).p_flags = PF_R; }},
      {"do not load the section", [](Elf& e) { e.segment(PT_LOAD, 1).p_filesz = 16; }},
      {"do not load the section", [](Elf& e) { e.segment(PT_LOAD, 3).p_memsz = e.segment(PT_LOAD, 3).p_filesz; }},
      {"do not load the section", [](Elf& e) { e.segment(PT_LOAD, 3).p_filesz = e.segment(PT_LOAD, 3).p_memsz; }},
      {"no dynamic section", [](Elf& e) { e.segment(PT_DYNAMIC).p_type = PT_NULL; }},
      {"the dynamic section does not end", [](Elf& e) { e.segment(PT_DYNAMIC).p_filesz = 64; }},
      {"of type 0x2 is no part of what is loaded", [](Elf& e) { e.segment(PT_DYNAMIC).p_vaddr -= 16; }},
      {"of type 0x6474e550 is no part", [](Elf& e) { e.segment(PT_GNU_EH_FRAME).p_vaddr += 4; }},
      {"of type 0x6474e552 is no part", [](Elf& e) { e.segment(PT_GNU_RELRO).p_memsz += 4096; }},
      {"of type 0x6474e552 is no part",
       [](Elf& e) {
         Elf64_Phdr& read_only = e.segment(PT_GNU_RELRO);
         read_only = e.segment(PT_LOAD, 1);  // code
         read_only.p_type = PT_GNU_RELRO;
       }},
      {"expected a section table, found none", [](Elf& e) { e.header().e_shoff = e.header().e_shnum = 0; }},
      {"two dynamic entries of type 0x5", [](Elf& e) { e.dynamic(DT_FLAGS_1).d_tag = DT_STRTAB; }},
      {"a name lies outside the string table",
       [](Elf& e) {
         e.dynamic(DT_FLAGS) = {DT_RUNPATH, {1 << 20}};
       }},
      {"the name of a symbol lies outside", [&](Elf& e) { last_symbol(e).st_name = 1 << 20; }},
      {"a symbol is neither in this file", [&](Elf& e) { last_symbol(e).st_value = 1 << 30; }},
      {"a symbol is neither in this file",
       [&](Elf& e) { last_symbol(e).st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC); }},
      {"a symbol is neither in this file",
       [&](Elf& e) { last_symbol(e).st_info = ELF64_ST_INFO(STB_GLOBAL, STT_TLS); }},
      {"a symbol is neither in this file",
       [&](Elf& e) { last_symbol(e).st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT); }},
      {"a symbol is neither in this file", [&](Elf& e) { last_symbol(e).st_value -= 64; }},
      {"a symbol is neither in this file",  // an undefined one
       [&](Elf& e) { (&e.first<Elf64_Sym>(SHT_DYNSYM))[1].st_other = STV_HIDDEN; }},
      {"the GNU hash table", [&](Elf& e) { hash(e)[2] = 3; }},
      {"the GNU hash table", [&](Elf& e) { hash(e)[0] = 1 << 20; }},
      {"the GNU hash table", [&](Elf& e) { hash(e)[1] += 1; }},
      {"the GNU hash table",
       [&](Elf& e) { hash(e)[e.section(SHT_GNU_HASH).sh_size / sizeof(uint32_t) - 1] &= ~uint32_t{1}; }},
      {"a version of a library that is not among those needed",
       [](Elf& e) { e.dynamic(DT_NEEDED).d_tag = 0x60000000; }},
      {"the version table lies in no segment",
       [](Elf& e) { e.first<Elf64_Verneed>(SHT_GNU_verneed).vn_aux = 1 << 20; }},
      {"an unknown version of a symbol", [](Elf& e) { (&e.first<Elf64_Half>(SHT_GNU_versym))[1] = 99; }},
      {"a relocation of a type that", [&](Elf& e) { second_rela(e).r_info = ELF64_R_INFO(1, 200); }},
      {"a relocation by a symbol that", [&](Elf& e) { second_rela(e).r_info += ELF64_R_INFO(1000, 0); }},
      {"a relocation outside what may be written",
       [&](Elf& e) { second_rela(e).r_offset = e.segment(PT_LOAD, 1).p_vaddr; }},
      {"a relocation outside what may be written", [&](Elf& e) { second_rela(e).r_offset = UINT64_MAX - 4; }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK_THAT(refusal(fixture("good"), c.damage), Contains(c.text));
  }
}

// What ld.so reads, damaged at random: whatever the check lets through must
// load, or fail with a message.
TEST_CASE("no damage of headers, dynamic section or symbol tables ends the process") {
  const TempFolder folder;
  const std::string path = folder / "mutant.so";
  for (const std::string& file : {fixture("good"), kMae}) {
    Elf whole{read_bytes(file)};
    const auto of = [&](uint32_t type) {
      return std::pair(whole.section(type).sh_offset, whole.section(type).sh_size);
    };
    const std::pair<uint64_t, uint64_t> segments = {whole.header().e_phoff,
                                                    whole.header().e_phnum * sizeof(Elf64_Phdr)};
    const std::pair<uint64_t, uint64_t> places[] = {
        segments,         of(SHT_DYNAMIC), segments,       of(SHT_DYNAMIC),    {0, sizeof(Elf64_Ehdr)},
        of(SHT_GNU_HASH), of(SHT_DYNSYM),  of(SHT_STRTAB), of(SHT_GNU_versym), of(SHT_GNU_verneed)};
    int accepted = 0;
    for (uint64_t i = 0; i < 1000; ++i) {
      KeyedRandom random(hash_key(20260102, i));
      std::string bytes = whole.bytes;
      const auto [begin, size] = places[i % std::size(places)];
      for (uint64_t n = 1 + random.below(2); n > 0; --n) {
        const uint8_t values[] = {0, 255, 127, 128, static_cast<uint8_t>(random.next())};
        bytes[begin + random.below(size)] = static_cast<char>(values[random.below(std::size(values))]);
      }
      write_bytes(path, bytes);
      if (!error_of([&] { read_note(path); }).empty()) continue;
      ++accepted;
      const Outcome outcome = load_and_exit(path);
      CAPTURE(file, i, outcome.err);
      CHECK((outcome.exit_code == 0 || outcome.exit_code == static_cast<int>(Exit::plugin)));
    }
    CHECK(accepted > 100);
  }
}
