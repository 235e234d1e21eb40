// Refusals that come before any code of a plugin runs: each is proven by the marker that its constructor did not write.
#include <elf.h>
#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <functional>

#include "base/random.h"
#include "plugin/compatibility.h"
#include "plugin/elf.h"
#include "plugin/note.h"
#include "plugin/registry.h"
#include "plugin/support/plugins.h"

using namespace selfsup;
using namespace selfsup::plugin;
using namespace selfsup::plugin::test;
using Catch::Matchers::Contains;

namespace {

// Loads the file as a run would; gives the text of the refusal, after checking that nothing of the file ran.
std::string refusal(const std::string& path) {
  const Marker marker;
  Registry registry(host());
  const std::string text = error_of([&] { registry.load_all({path}); });
  CHECK(marker.text() == "");
  CHECK(registry.plugins().empty());
  return text;
}

std::string refusal_of_bytes(const std::string& bytes) {
  const TempFolder folder;
  write_plugin(folder / "plugin.so", bytes);
  return refusal(folder / "plugin.so");
}

const std::string& good() {
  static const std::string bytes = read_bytes(fixture("good"));
  return bytes;
}

const std::string kHostSdk = fmt::format("this host has SDK {}.{}", SSP_ABI_MAJOR, SSP_ABI_MINOR);

std::string with_sdk(int major, int minor) {
  return replace_in_note(good(), fmt::format("\"sdk\":[{},{}]", SSP_ABI_MAJOR, SSP_ABI_MINOR),
                         fmt::format("\"sdk\":[{},{}]", major, minor));
}

}  // namespace

TEST_CASE("a good plugin is read, and its constructor would write the marker") {
  CHECK(read_note(fixture("good")).digest == Digest::unread);
  const NoteFile file = open_plugin(fixture("good"));
  CHECK(file.note.id == "test.fixture");
  CHECK(file.note.version == "1.2.3");
  CHECK(file.note.provides ==
        std::vector<ComponentName>{{"ssp.algorithm/0", "Fixture"}, {"ssp.transform/0", "FixtureTransform"}});
  CHECK(file.elf_machine == host_machine());
  CHECK(!file.newest_glibc.empty());
  CHECK(file.digest == Digest::right);
  CHECK_NOTHROW(check_compatible(file, false));

  const Marker marker;
  {
    Registry registry(host());
    registry.load(fixture("good"));
    CHECK(registry.find("ssp.algorithm/0", "Fixture").table != nullptr);
  }
  CHECK(marker.text() == "constructor\ninit\nshutdown\n");
}

TEST_CASE("files that are no plugins") {
  CHECK_THAT(refusal(fixture("no_note")), Contains("no plugin of selfsup-host") && Contains("owner \"SSP\"") &&
                                              Contains("found none") && Contains("selfsup_add_plugin"));
  CHECK_THAT(refusal(fixture("other_note_type")), Contains("type 1") && Contains("found type 7"));
  CHECK_THAT(refusal_of_bytes(""), Contains("empty file") && Contains("expected a plugin"));
  CHECK_THAT(refusal_of_bytes("{\"model\": {}}\n"), Contains("expected a plugin (an ELF shared object") &&
                                                        Contains("begins with 7b 22 6d 6f") &&
                                                        Contains("--plugin takes"));
  std::string wrong_magic = good();
  wrong_magic[1] = 'X';
  CHECK_THAT(refusal_of_bytes(wrong_magic), Contains("begins with 7f 58 4c 46"));
  CHECK_THAT(refusal("/proc/self/exe"), Contains("no plugin of selfsup-host"));

  const TempFolder folder;
  CHECK_THAT(refusal(folder.path()), Contains("a directory, not a regular file") && Contains("--plugin-dir"));
  REQUIRE(::mkfifo((folder / "fifo.so").c_str(), 0600) == 0);
  CHECK_THAT(refusal(folder / "fifo.so"), Contains("a FIFO, not a regular file"));
  CHECK_THAT(refusal(folder / "absent.so"), Contains("cannot be opened: No such file"));
}

TEST_CASE("truncated files, at every kind of place") {
  for (size_t size : {size_t{3}, size_t{20}, size_t{64}, size_t{200}, size_t{4096}, good().size() / 2,
                      good().size() * 9 / 10, good().size() - 1}) {
    CAPTURE(size);
    CHECK_THAT(refusal_of_bytes(good().substr(0, size)),
               (Contains("truncated") || Contains("begins with")) && (Contains("again") || Contains("--plugin")));
  }
}

TEST_CASE("notes that are malformed") {
  const auto with = [](const std::string& from, const std::string& to) {
    return refusal_of_bytes(replace_in_note(good(), from, to));
  };
  const auto bad = [](const std::string& key) { return "malformed note: \"" + key + "\" must be"; };
  CHECK_THAT(refusal(fixture("note_too_large")),
             Contains("its note has 65540 bytes, at most 65536") && Contains("shorten"));
  CHECK_THAT(refusal_of_bytes(with_note(good(), "{\"id\": ")),
             Contains("malformed note") && Contains("selfsup_add_plugin"));
  CHECK_THAT(refusal_of_bytes(with_note(good(), "[1, 2]")), Contains("must be a JSON object"));
  CHECK_THAT(refusal_of_bytes(with_note(good(), std::string(500, '['))), Contains("malformed note"));
  CHECK_THAT(refusal_of_bytes(with_note(good(), "{\"id\":\"\xff\xfe\"}")), Contains("malformed note"));
  CHECK_THAT(with("\"test.fixture\"", "\"two words\""), Contains(bad("id")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"test.fixture\"", "7"), Contains(bad("id")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"1.2.3\"", "\"\""), Contains(bad("version")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"sdk\":[0", "\"sdk\":[-1"), Contains(bad("sdk")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"sdk\":[0", "\"sdk\":[0.0"), Contains(bad("sdk")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"sdk\":", "\"SDK\":"), Contains(bad("sdk")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"tier\":\"portable\"", "\"tier\":null"), Contains(bad("tier")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"needs\":[]", "\"needs\":{}"), Contains(bad("needs")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"needs\":[]", "\"needs\":[[\"ssp.backbone\",\"*\"]]"),
             Contains(bad("needs")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"Fixture\"", "\"*\""), Contains(bad("provides")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"ssp.transform/0\",\"FixtureTransform\"", "\"ssp.algorithm/0\",\"Fixture\""),
             Contains(bad("provides")) && Contains("selfsup_add_plugin"));
  CHECK_THAT(with("\"isa\":\"\"", "\"isa\":3"), Contains(bad("isa")) && Contains("selfsup_add_plugin"));
}

TEST_CASE("notes without end") {
  const TempFolder folder;
  const std::string path = folder / "plugin.so";
  // The good plugin, with its segments of notes after everything else.
  const auto with_notes = [&](uint64_t size) {
    std::string bytes = good();
    const uint64_t end = (bytes.size() + 7) / 8 * 8;
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(bytes.data());
    auto* segments = reinterpret_cast<Elf64_Phdr*>(bytes.data() + header->e_phoff);
    for (int i = 0; i < header->e_phnum; ++i) {
      if (segments[i].p_type != PT_NOTE) continue;
      segments[i].p_offset = end;
      segments[i].p_filesz = size;
    }
    bytes.resize(end);
    write_bytes(path, bytes);
    std::filesystem::resize_file(path, end + size);  // with a hole
  };
  with_notes(uint64_t{1} << 30);
  CHECK_THAT(refusal(path), Contains("a segment of notes with 1073741824 bytes, at most 1048576 are read"));
  with_notes(1001 * sizeof(Elf64_Nhdr));
  CHECK_THAT(refusal(path), Contains("more than 1000 notes in one segment"));
  with_notes(1000 * sizeof(Elf64_Nhdr));
  CHECK_THAT(refusal(path), Contains("no plugin of selfsup-host"));
}

TEST_CASE("ids and names are words without a colon, and none is the host's") {
  const auto with = [](const std::string& from, const std::string& to) {
    return refusal_of_bytes(replace_in_note(good(), from, to));
  };
  CHECK_THAT(with("\"test.fixture\"", "\"builtin\""), Contains("\"id\" must be another word"));
  for (const char* id : {"\"a:b\"", "\"a+b\"", "\"a/b\""})
    CHECK_THAT(with("\"test.fixture\"", id), Contains("\"id\" must be a text of letters, digits and . _ -;"));
  CHECK_THAT(with("\"Fixture\"", "\"a:b\""), Contains("\"provides\" must be"));
  const TempFolder folder;
  write_plugin(folder / "plugin.so", replace_in_note(good(), "\"test.fixture\"", "\"Test.Fix_ture-2\""));
  CHECK(read_note(folder / "plugin.so").note.id == "Test.Fix_ture-2");
}

TEST_CASE("a file without a digest, or with another one's, is refused, stamping mends it") {
  const TempFolder folder;
  const std::string path = folder / "plugin.so";
  const std::string zeros(64, '0');
  const size_t at = good().find("\"digest\":\"") + 10;
  const std::string digest = good().substr(at, 64);
  CHECK(digest != zeros);

  // Never stamped: the place for it is there.
  std::string fresh = good();
  fresh.replace(at, 64, zeros);
  write_bytes(path, fresh);
  CHECK_THAT(refusal(path), Contains("test.fixture 1.2.3 (" + path + "): its note has no digest") &&
                                Contains("selfsup-host stamp") && Contains("--unstamped"));
  CHECK_NOTHROW(check_compatible(read_note(path), /*unstamped=*/true));
  CHECK(stamp(path));
  CHECK(read_bytes(path) == good());
  CHECK_FALSE(stamp(path));

  // No place: a note of one's own, or a damaged key.
  write_bytes(path, replace_in_note(good(), "\"digest\"", "\"digesT\""));
  CHECK_THAT(refusal(path), Contains("its note has no digest"));
  CHECK_THAT(error_of([&] { stamp(path); }), Contains("\"digest\" must be there, with 64 zeros"));

  // Another file's, whatever --unstamped says.
  std::string wrong = good();
  wrong[at] = wrong[at] == '1' ? '2' : '1';
  write_bytes(path, wrong);
  CHECK_THAT(refusal(path), Contains("damaged: its digest is not that of its bytes") && Contains("selfsup-host stamp"));
  CHECK_THAT(error_of([&] { check_compatible(open_plugin(path), true); }), Contains("damaged: its digest"));
  write_bytes(path, replace_in_note(good(), digest, digest.substr(1)));
  CHECK_THAT(refusal(path), Contains("malformed note: \"digest\" must be 64 digits"));

  CHECK_THAT(error_of([&] { stamp(fixture("no_note")); }), Contains("no plugin of selfsup-host"));
  CHECK_THAT(error_of([&] { stamp(folder / "absent.so"); }), Contains("cannot be opened"));
}

TEST_CASE("plugins for another SDK, machine, processor or system") {
  const auto sdk = [](int major, int minor) { return fmt::format("built for SDK {}.{}", major, minor); };
  CHECK_THAT(refusal_of_bytes(with_sdk(SSP_ABI_MAJOR + 1, 0)),
             Contains("test.fixture 1.2.3") && Contains(sdk(SSP_ABI_MAJOR + 1, 0)) && Contains(kHostSdk) &&
                 Contains("build it again with this host's SDK") && Contains("or get a newer selfsup-host"));
  CHECK_THAT(refusal_of_bytes(with_sdk(SSP_ABI_MAJOR, SSP_ABI_MINOR + 1)),
             Contains(sdk(SSP_ABI_MAJOR, SSP_ABI_MINOR + 1)) && Contains(kHostSdk) && Contains("a newer selfsup-host"));
  CHECK_THAT(refusal_of_bytes(with_sdk(SSP_ABI_MAJOR, SSP_ABI_MINOR - 1)),
             Contains(sdk(SSP_ABI_MAJOR, SSP_ABI_MINOR - 1)) && Contains(kHostSdk) &&
                 Contains("accepts exactly that until SDK 1.0") && Contains("-DCMAKE_PREFIX_PATH=") &&
                 Contains(fmt::format("or get a version of the plugin for SDK {}", host_sdk())));

  // A later major may write the rest of its note differently: it is refused for its number all the same.
  CHECK_THAT(
      refusal_of_bytes(with_note(good(), "{\"id\":\"test.fixture\",\"version\":\"9\",\"sdk\":[9,0],\"tier\":{}}")),
      Contains(sdk(9, 0)));

  std::string other = good();
  auto* header = reinterpret_cast<Elf64_Ehdr*>(other.data());
  header->e_machine = host_machine() == "x86_64" ? EM_AARCH64 : EM_X86_64;
  const std::string name = host_machine() == "x86_64" ? "aarch64" : "x86_64";
  CHECK_THAT(refusal_of_bytes(other), Contains("built for " + name) &&
                                          Contains("this host runs on " + host_machine()) &&
                                          Contains("build the plugin for " + host_machine()));
  CHECK_THAT(refusal_of_bytes(replace_in_note(good(), "\"machine\":\"" + host_machine(), "\"machine\":\"riscv64")),
             Contains("note says machine riscv64, its ELF header says " + host_machine()));
  std::string narrow = good();
  narrow[EI_CLASS] = ELFCLASS32;
  CHECK_THAT(refusal_of_bytes(narrow), Contains("expected a 64-bit ELF file"));

  CHECK_THAT(refusal_of_bytes(replace_in_note(good(), "\"isa\":\"\"", "\"isa\":\"x86-64-v9\"")),
             Contains("processor with x86-64-v9") && Contains("without -march"));
  CHECK_THAT(refusal_of_bytes(replace_in_note(good(), "\"portable\"", "\"native\"")),
             Contains("its tier is \"native\"") && Contains("this host takes \"portable\""));
  // One of the versions asked for becomes 2.99.
  const std::string versions = replace_all(good(), std::string("GLIBC_2.2.5\0", 12), std::string("GLIBC_2.99\0\0", 12));
  CHECK_THAT(refusal_of_bytes(versions), Contains("needs glibc 2.99") &&
                                             Contains(std::string("this system has glibc ") + gnu_get_libc_version()) &&
                                             Contains("build the plugin on a system with"));
}

TEST_CASE("a needed component that no plugin has") {
  const std::string bytes = with_note(
      good(), note_text("test.fixture", R"([["ssp.algorithm/0","Fixture"]])", R"([["ssp.backbone.tokens/0","Deep"]])"));
  CHECK_THAT(refusal_of_bytes(bytes), Contains("test.fixture 1.2.3") && Contains("needs ssp.backbone.tokens/0 Deep") &&
                                          Contains("no plugin here provides") && Contains("--plugin"));
}

TEST_CASE("every refusal of several plugins is in one message, and none of them runs") {
  const TempFolder folder;
  write_plugin(folder / "newer.so", with_sdk(SSP_ABI_MAJOR, SSP_ABI_MINOR + 1));
  write_bytes(folder / "text.so", "not a plugin");
  const Marker marker;
  Registry registry(host());
  const std::string text = error_of([&] {
    registry.load_all({folder / "newer.so", fixture("good"), folder / "text.so"});
  });
  CHECK_THAT(text, Contains("newer.so") && Contains("text.so") && Contains("\n"));
  CHECK(marker.text() == "");
}
