// Damaged files: whatever bit of what is mapped is another, is told before any of it runs; what is not mapped does no
// harm.
#include <elf.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

#include "base/random.h"
#include "plugin/compatibility.h"
#include "plugin/loader.h"
#include "plugin/registry.h"
#include "plugin/support/plugins.h"

using namespace selfsup;
using namespace selfsup::plugin;
using namespace selfsup::plugin::test;
using Catch::Matchers::Contains;

namespace {

const std::string kMae = SELFSUP_BINARY_DIR "/lib/selfsup/plugins/mae.so";

// A plugin, and copies of it with a few bytes changed. The file is written once; a change is taken back by the next.
class Patient {
 public:
  explicit Patient(const std::string& path) : whole_(read_bytes(path)), path_(folder_ / "plugin.so") {
    write_bytes(path_, whole_);
  }

  const std::string& bytes() const { return whole_; }
  const std::string& path() const { return path_; }
  Elf64_Ehdr header() const { return at<Elf64_Ehdr>(0); }
  std::vector<Elf64_Phdr> segments() const {
    std::vector<Elf64_Phdr> all(header().e_phnum);
    std::memcpy(all.data(), whole_.data() + header().e_phoff, all.size() * sizeof(Elf64_Phdr));
    return all;
  }
  // Whether the byte is hashed.
  bool covered(uint64_t offset) const {
    constexpr uint64_t shoff = offsetof(Elf64_Ehdr, e_shoff), shentsize = offsetof(Elf64_Ehdr, e_shentsize);
    if ((offset >= shoff && offset < shoff + 8) || (offset >= shentsize && offset < sizeof(Elf64_Ehdr))) return false;
    if (offset < sizeof(Elf64_Ehdr)) return true;
    for (const Elf64_Phdr& s : segments())
      if (s.p_type == PT_LOAD && offset >= s.p_offset && offset < s.p_offset + s.p_filesz) return true;
    return false;
  }

  // "" if the file is taken.
  std::string refusal(const std::vector<std::pair<uint64_t, char>>& changes) {
    write(changes);
    return error_of([&] { check_compatible(open_plugin(path_), false); });
  }
  std::string refusal_of_flip(uint64_t offset, int bit) {
    return refusal({{offset, static_cast<char>(whole_[offset] ^ (1 << bit))}});
  }

 private:
  template <class T>
  T at(uint64_t offset) const {
    T value;
    std::memcpy(&value, whole_.data() + offset, sizeof value);
    return value;
  }

  void write(const std::vector<std::pair<uint64_t, char>>& changes) {
    std::FILE* file = std::fopen(path_.c_str(), "r+b");
    REQUIRE(file);
    const auto put = [&](uint64_t offset, char byte) {
      std::fseek(file, static_cast<long>(offset), SEEK_SET);
      std::fputc(byte, file);
    };
    for (const uint64_t offset : changed_) put(offset, whole_[offset]);
    changed_.clear();
    for (const auto& [offset, byte] : changes) {
      put(offset, byte);
      changed_.push_back(offset);
    }
    REQUIRE(std::fclose(file) == 0);
  }

  const TempFolder folder_;
  const std::string whole_, path_;
  std::vector<uint64_t> changed_;
};

// Loads it, and ends as a run does.
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

// From now on this process gets no memory files, as in a strict sandbox or under an old Linux.
bool refuse_memory_files() {
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{std::size(code), code};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST_CASE("each bit of the headers and of the note counts") {
  Patient plugin(fixture("good"));
  std::set<uint64_t> places;
  const auto add = [&](uint64_t begin, uint64_t bytes) {
    for (uint64_t i = begin; i < begin + bytes; ++i) places.insert(i);
  };
  add(0, sizeof(Elf64_Ehdr));
  add(plugin.header().e_phoff, plugin.header().e_phnum * sizeof(Elf64_Phdr));
  const size_t note = plugin.bytes().find("{\"id\"");
  add(note - 16, 16 + plugin.bytes().find('}', note) + 1 - note);
  for (const uint64_t at : places) {
    for (int bit = 0; bit < 8; ++bit) {
      const std::string text = plugin.refusal_of_flip(at, bit);
      if (text.empty() && !plugin.covered(at)) continue;  // what the header says of the section table
      CAPTURE(at, bit);
      CHECK(!text.empty());
    }
  }
}

TEST_CASE("each loaded byte counts, and nothing is taken for damage that is not mapped") {
  for (const std::string& file : {fixture("good"), kMae}) {
    Patient plugin(file);
    int covered = 0, free = 0;
    for (uint64_t i = 0; i < 500; ++i) {
      KeyedRandom random(hash_key(20260101, i));
      const uint64_t at = random.below(plugin.bytes().size());
      const std::string text = plugin.refusal_of_flip(at, static_cast<int>(random.below(8)));
      CAPTURE(file, at, text);
      if (plugin.covered(at)) {
        ++covered;
        CHECK(!text.empty());
      } else if (at >= sizeof(Elf64_Ehdr)) {
        ++free;
        CHECK(text.empty());
      }
    }
    CHECK(covered > 100);
    CHECK(free > 20);  // symbols and sections that are for debuggers
  }
}

TEST_CASE("whatever is done to a file, it is refused or it loads") {
  for (const std::string& file : {fixture("good"), kMae}) {
    Patient plugin(file);
    int refused = 0, loaded = 0;
    for (uint64_t i = 0; i < 1000; ++i) {
      KeyedRandom random(hash_key(20260102, i));
      // Headers, the note, anywhere, and the part that is not mapped.
      const uint64_t size = plugin.bytes().size(), note = plugin.bytes().find("{\"id\"") - 16;
      const std::pair<uint64_t, uint64_t> spans[] = {
          {0, 64 + 16 * sizeof(Elf64_Phdr)}, {note, 400}, {0, size}, {40, 24}};
      const auto [begin, span] = spans[i % 4];
      std::vector<std::pair<uint64_t, char>> changes;
      for (uint64_t n = 1 + random.below(4); n > 0; --n) {
        const uint64_t at = begin + random.below(span);
        const char values[] = {0, '\xff', '\x7f', '\x80', static_cast<char>(random.next())};
        changes.emplace_back(at, values[random.below(std::size(values))]);
      }
      const std::string text = plugin.refusal(changes);
      if (!text.empty()) {
        ++refused;
        if (text.find(plugin.path()) == text.npos) FAIL(text);
        continue;
      }
      if (++loaded > 40) continue;
      const Outcome outcome = load_and_exit(plugin.path());
      CAPTURE(file, i, outcome.err);
      CHECK((outcome.exit_code == 0 || outcome.exit_code == static_cast<int>(Exit::plugin)));
    }
    CHECK(refused > 500);
    CHECK(loaded > 10);
  }
}

TEST_CASE("a file cut short, or with a page of zeros, is refused") {
  const TempFolder folder;
  const std::string good = read_bytes(fixture("good")), path = folder / "plugin.so";
  for (uint64_t i = 0; i < 200; ++i) {
    KeyedRandom random(hash_key(20260103, i));
    CAPTURE(i);
    write_bytes(path, good.substr(0, random.below(good.size())));
    CHECK(!error_of([&] { check_compatible(open_plugin(path), false); }).empty());
  }
  for (size_t page = 0; page + 4096 < good.size(); page += 4096) {
    std::string bytes = good;
    std::fill_n(bytes.begin() + static_cast<long>(page), 4096, '\0');
    write_bytes(path, bytes);
    const std::string text = error_of([&] { check_compatible(open_plugin(path), false); });
    CAPTURE(page, text);
    const bool mapped = Patient(fixture("good")).covered(page + 100);
    CHECK((!mapped || !text.empty() || bytes == good ||
           std::all_of(good.begin() + static_cast<long>(page), good.begin() + static_cast<long>(page) + 4096,
                       [](char c) { return c == 0; })));
  }
}

TEST_CASE("segments that overlap, so that a small file is much to hash, are refused") {
  const TempFolder folder;
  std::string bytes = read_bytes(fixture("good"));
  auto* header = reinterpret_cast<Elf64_Ehdr*>(bytes.data());
  auto* segments = reinterpret_cast<Elf64_Phdr*>(bytes.data() + header->e_phoff);
  for (int i = 0; i < header->e_phnum; ++i) {
    if (segments[i].p_type != PT_LOAD) continue;
    segments[i].p_offset = 0;
    segments[i].p_filesz = segments[i].p_memsz = bytes.size();
  }
  write_bytes(folder / "plugin.so", bytes);
  CHECK_THAT(error_of([&] { open_plugin(folder / "plugin.so"); }), Contains("damaged: its segments overlap"));
}

TEST_CASE("a note that stands in two segments is no plugin's") {
  const TempFolder folder;
  std::string bytes = read_bytes(fixture("good"));
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(bytes.data());
  auto* segments = reinterpret_cast<Elf64_Phdr*>(bytes.data() + header->e_phoff);
  const size_t note = bytes.find("{\"id\"");
  const auto has_note = [note](const Elf64_Phdr& s) {
    return s.p_type == PT_NOTE && s.p_offset <= note && note < s.p_offset + s.p_filesz;
  };
  const auto with_note = std::find_if(segments, segments + header->e_phnum, has_note);
  const auto spare = std::find_if(segments, segments + header->e_phnum,
                                  [](const Elf64_Phdr& s) { return s.p_type == PT_GNU_EH_FRAME; });
  REQUIRE(std::max(with_note, spare) < segments + header->e_phnum);
  *spare = *with_note;
  write_bytes(folder / "plugin.so", bytes);
  CHECK_THAT(error_of([&] { read_note(folder / "plugin.so"); }),
             Contains("two plugin notes in one file, expected one"));
}

TEST_CASE("a plugin that was stripped is what it was") {
  const TempFolder folder;
  for (const char* tool : {"strip", "strip -g", "strip --strip-unneeded", "objcopy --remove-section=.comment",
                           "objcopy --strip-all", "llvm-strip", "llvm-strip --strip-sections"}) {
    for (const std::string& file : {fixture("good"), kMae}) {
      const std::string path = folder / "plugin.so";
      write_bytes(path, read_bytes(file));
      if (std::system(fmt::format("{} {} 2>/dev/null", tool, path).c_str()) != 0) continue;  // not every machine has it
      CAPTURE(tool, file);
      CHECK(read_bytes(path) != read_bytes(file));
      CHECK(open_plugin(path).digest == Digest::right);
      CHECK(load_and_exit(path).exit_code ==
            (file == kMae ? static_cast<int>(Exit::plugin) : 0));  // here are no operators
    }
  }
}

TEST_CASE("what was read is what is loaded, whatever becomes of the file") {
  const TempFolder folder;
  const std::string path = folder / "plugin.so";
  write_bytes(path, read_bytes(fixture("good")));
  const Outcome outcome = in_child([&] {
    const NoteFile file = open_plugin(path);
    write_bytes(path, std::string(100, 'x'));
    check_compatible(file, false);
    const Library library = load_library(file, "ssp_plugin_v1");
    return library.symbol ? 0 : 1;
  });
  CHECK(outcome.err == "");
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("without memory files, the file that was checked is loaded from its own descriptor") {
  const TempFolder folder;
  const std::string path = folder / "plugin.so";
  write_bytes(path, read_bytes(fixture("good")));
  const Outcome outcome = in_child([&] {
    if (!refuse_memory_files()) return 2;
    const NoteFile file = open_plugin(path);
    std::filesystem::remove(path);  // as an installer does, before it puts another there
    write_bytes(path, std::string(100, 'x'));
    check_compatible(file, false);
    const Library library = load_library(file, "ssp_plugin_v1");
    return library.symbol ? 0 : 1;
  });
  CHECK(outcome.err == "");
  CHECK(outcome.exit_code == 0);
}
