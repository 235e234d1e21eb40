#include "plugin/note.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/errors.h"
#include "base/json.h"
#include "plugin/elf.h"
#include "plugin/tables.h"
#include "ssp/entry.h"

namespace selfsup::plugin {
namespace {

constexpr size_t kMostComponents = 1024, kLongestWord = 128;
constexpr int64_t kLargestVersion = 1000000;

[[noreturn]] void bad_field(const std::string& path, const char* key, const std::string& expected) {
  throw Error(Exit::plugin,
              fmt::format("{}: malformed note: \"{}\" must be {}; build the plugin with selfsup_add_plugin, "
                          "which writes the note",
                          path, key, expected));
}

bool is_word(const std::string& text, bool slash) {
  const auto allowed = [slash](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || (slash && c == '/');
  };
  return !text.empty() && text.size() <= kLongestWord && std::all_of(text.begin(), text.end(), allowed);
}

std::string word(const std::string& path, const Json& note, const char* key) {
  const Json* value = note.find(key);
  if (!value || !value->is_string() || !is_word(value->as_string(), false)) {
    bad_field(path, key, "a text of letters, digits and . _ - +");
  }
  return value->as_string();
}

std::string word_or_null(const std::string& path, const Json& note, const char* key) {
  const Json* value = note.find(key);
  if (!value || value->is_null() || (value->is_string() && value->as_string().empty())) return {};
  return word(path, note, key);
}

// "ssp.algorithm/0"
bool is_kind(const std::string& text) {
  const size_t slash = text.find('/');
  return is_word(text, true) && slash != std::string::npos && slash > 0 && slash + 1 < text.size() &&
         text.find_first_not_of("0123456789", slash + 1) == std::string::npos;
}

std::vector<ComponentName> components(const std::string& path, const Json& note, const char* key, bool any_allowed) {
  const char* expected = any_allowed
                             ? "an array of [kind, name or \"*\"], as [[\"ssp.backbone/0\", \"*\"]], without repetition"
                             : "an array of [kind, name], as [[\"ssp.algorithm/0\", \"Name\"]], without repetition";
  const Json* value = note.find(key);
  if (!value || !value->is_array() || value->as_array().size() > kMostComponents) bad_field(path, key, expected);
  std::vector<ComponentName> result;
  for (const Json& item : value->as_array()) {
    if (!item.is_array() || item.as_array().size() != 2) bad_field(path, key, expected);
    const Json &kind = item.as_array()[0], &name = item.as_array()[1];
    if (!kind.is_string() || !name.is_string() || !is_kind(kind.as_string())) bad_field(path, key, expected);
    if (!is_word(name.as_string(), false) && !(any_allowed && name.as_string() == "*")) bad_field(path, key, expected);
    ComponentName component{kind.as_string(), name.as_string()};
    if (std::find(result.begin(), result.end(), component) != result.end()) bad_field(path, key, expected);
    result.push_back(std::move(component));
  }
  return result;
}

Note parse_note(const std::string& path, const std::string& text) {
  Json json;
  try {
    json = parse_json(text, "note", "note", {.max_bytes = SSP_NOTE_MAX_BYTES, .max_depth = 16, .comments = false});
  } catch (const Error& error) {
    throw Error(Exit::plugin,
                fmt::format("{}: malformed note: {}; build the plugin with selfsup_add_plugin, which writes "
                            "the note",
                            path, error.what()));
  }
  if (!json.is_object()) bad_field(path, "(the note)", "a JSON object");
  const Json* sdk = json.find("sdk");
  const auto version_part = [](const Json& v) {
    return v.is_int() && v.as_int() >= 0 && v.as_int() <= kLargestVersion;
  };
  if (!sdk || !sdk->is_array() || sdk->as_array().size() != 2 || !version_part(sdk->as_array()[0]) ||
      !version_part(sdk->as_array()[1])) {
    bad_field(path, "sdk", "[major, minor], two whole numbers");
  }
  Note note;
  note.sdk_major = static_cast<int>(sdk->as_array()[0].as_int());
  note.sdk_minor = static_cast<int>(sdk->as_array()[1].as_int());
  note.id = word(path, json, "id");
  note.version = word(path, json, "version");
  // What another major means by the rest is not known here; check_compatible refuses it by its number.
  if (note.sdk_major != SSP_ABI_MAJOR) return note;
  note.tier = word(path, json, "tier");
  note.machine = word(path, json, "machine");
  note.isa = word_or_null(path, json, "isa");
  note.torch = word_or_null(path, json, "torch");
  note.provides = components(path, json, "provides", false);
  note.needs = components(path, json, "needs", true);
  return note;
}

// "2.36" before "2.4"? By numbers: no.
bool version_less(const std::string& a, const std::string& b) {
  const char *p = a.c_str(), *q = b.c_str();
  while (*p || *q) {
    char *p_end, *q_end;
    const unsigned long x = std::strtoul(p, &p_end, 10), y = std::strtoul(q, &q_end, 10);
    if (x != y) return x < y;
    if (p_end == p && q_end == q) return false;
    p = *p_end == '.' ? p_end + 1 : p_end;
    q = *q_end == '.' ? q_end + 1 : q_end;
  }
  return false;
}

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

NoteFile read_note(const std::string& path) {
  NoteFile file;
  file.path = std::filesystem::absolute(path).lexically_normal().string();
  const ElfFile elf = read_elf(file.path, SSP_NOTE_OWNER, SSP_NOTE_MAX_BYTES);
  const ElfNote* found = nullptr;
  for (const ElfNote& note : elf.notes) {
    if (note.type != SSP_NOTE_TYPE) continue;
    if (found)
      throw Error(Exit::plugin,
                  fmt::format("{}: two plugin notes in one file, expected one; link one plugin a file", file.path));
    found = &note;
  }
  if (!found) {
    throw Error(
        Exit::plugin,
        fmt::format("{}: a shared object, but no plugin of selfsup-host: expected an ELF note with owner \"{}\" and "
                    "type {}, found {}; build it with selfsup_add_plugin, which writes the note",
                    file.path, SSP_NOTE_OWNER, SSP_NOTE_TYPE,
                    elf.notes.empty() ? std::string("none") : fmt::format("type {}", elf.notes.front().type)));
  }
  file.note = parse_note(file.path, found->text);
  file.elf_machine = elf.machine;
  file.needed_libraries = elf.needed;
  for (const std::string& version : elf.glibc) {
    if (version_less(file.newest_glibc, version)) file.newest_glibc = version;
  }
  return file;
}

std::string host_sdk() { return fmt::format("{}.{}", SSP_ABI_MAJOR, SSP_ABI_MINOR); }

void check_compatible(const NoteFile& file) {
  const Note& note = file.note;
  const auto refuse = [&file](const std::string& text) { throw Error(Exit::plugin, describe(file) + ": " + text); };

  static_assert(SSP_ABI_MAJOR == 0, "from 1.0 on, every minor from the note's up to this host's is accepted");
  if (note.sdk_major != SSP_ABI_MAJOR || note.sdk_minor != SSP_ABI_MINOR) {
    const bool newer = note.sdk_major > SSP_ABI_MAJOR || note.sdk_minor > SSP_ABI_MINOR;
    refuse(fmt::format(
        "the plugin is built for SDK {}.{}, this host has SDK {}.{} and accepts exactly that until SDK 1.0; "
        "build the plugin with this host's SDK, or use {}",
        note.sdk_major, note.sdk_minor, SSP_ABI_MAJOR, SSP_ABI_MINOR,
        newer ? "a newer selfsup-host" : "a newer version of the plugin"));
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
  if (version_less(glibc, file.newest_glibc)) {
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

std::string describe(const ComponentName& component) { return component.first + " " + component.second; }

std::string describe(const NoteFile& file) {
  return fmt::format("{} {} ({})", file.note.id, file.note.version, file.path);
}

}  // namespace selfsup::plugin
