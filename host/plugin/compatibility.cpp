#include "plugin/compatibility.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>

#include <cstring>
#include <optional>

#include "base/errors.h"
#include "plugin/elf.h"
#include "ssp/base.h"

namespace selfsup::plugin {
namespace {

// Whether this processor has a level of x86-64 ("x86-64-v3"); nothing for a level that is not known here.
std::optional<bool> has_isa([[maybe_unused]] const std::string& isa) {
#if defined(__x86_64__)
  const bool v2 =
      __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("popcnt");
  const bool v3 =
      v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (isa == "x86-64-v2") return v2;
  if (isa == "x86-64-v3") return v3;
  if (isa == "x86-64-v4") return v4;
#endif
  return std::nullopt;
}

}  // namespace

std::string host_sdk() { return fmt::format("{}.{}", SSP_ABI_MAJOR, SSP_ABI_MINOR); }

void check_compatible(const NoteFile& file, bool unstamped) {
  const Note& note = file.note;
  const auto refuse = [&file](const std::string& text) { throw Error(Exit::plugin, describe(file) + ": " + text); };

  static_assert(SSP_ABI_MAJOR == 0, "from 1.0 on, every minor from the note's up to this host's is accepted");
  if (note.sdk_major != SSP_ABI_MAJOR || note.sdk_minor != SSP_ABI_MINOR) {
    const bool newer = note.sdk_major > SSP_ABI_MAJOR || note.sdk_minor > SSP_ABI_MINOR;
    refuse(fmt::format(
        "the plugin is built for SDK {0}.{1}, this host has SDK {2} and accepts exactly that until SDK 1.0; build it "
        "again with this host's SDK (-DCMAKE_PREFIX_PATH= where selfsup-host is installed), or get {3}",
        note.sdk_major, note.sdk_minor, host_sdk(),
        newer ? "a newer selfsup-host" : fmt::format("a version of the plugin for SDK {}", host_sdk())));
  }
  if (file.digest == Digest::wrong) {
    refuse(
        "damaged: its digest is not that of its bytes; copy or build the plugin again, or, if a tool has rewritten it "
        "on purpose, run selfsup-host stamp on it");
  }
  if (file.digest == Digest::none && !unstamped) {
    refuse(
        "its note has no digest, so damage would not be told; build it with selfsup_add_plugin or run selfsup-host "
        "stamp on it, or take it as it is with --unstamped");
  }
  if (file.elf_machine != host_machine()) {
    refuse(fmt::format("the file is built for {}, this host runs on {}; get or build the plugin for {}",
                       file.elf_machine, host_machine(), host_machine()));
  }
  if (note.machine != file.elf_machine) {
    refuse(fmt::format("its note says machine {}, its ELF header says {}; build it again with selfsup_add_plugin",
                       note.machine, file.elf_machine));
  }
  if (!note.isa.empty() && !has_isa(note.isa).value_or(false)) {
    refuse(fmt::format("it needs a processor with {}, which this one {}; build the plugin without -march", note.isa,
                       has_isa(note.isa) ? "lacks" : "is not known to have (known: x86-64-v2, x86-64-v3, x86-64-v4)"));
  }
  const std::string glibc = gnu_get_libc_version();
  if (::strverscmp(glibc.c_str(), file.newest_glibc.c_str()) < 0) {
    refuse(
        fmt::format("it needs glibc {}, this system has glibc {}; build the plugin on a system with glibc {} or older, "
                    "or run on a newer system",
                    file.newest_glibc, glibc, glibc));
  }
  if (note.tier != "portable") {
    refuse(
        fmt::format("its tier is \"{}\", this host takes \"portable\" plugins only; build it with the SDK alone, "
                    "without LibTorch's C++ API",
                    note.tier));
  }
  for (const std::string& library : file.needed_libraries) {
    if (library.rfind("libtorch", 0) == 0 || library.rfind("libc10", 0) == 0) {
      refuse(
          fmt::format("its note says tier \"portable\", but it is linked to {}; link it with the SDK alone", library));
    }
  }
}

}  // namespace selfsup::plugin
