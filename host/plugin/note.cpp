#include "plugin/note.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/errors.h"
#include "base/json.h"
#include "base/type_name.h"
#include "plugin/digest.h"
#include "plugin/elf.h"
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

bool is_word(const std::string& text, std::string_view signs) {
  const auto allowed = [signs](unsigned char c) { return std::isalnum(c) || signs.find(c) != signs.npos; };
  return !text.empty() && text.size() <= kLongestWord && std::all_of(text.begin(), text.end(), allowed);
}

// Ids and names: no colon, which stands between the two in "id:Name".
constexpr std::string_view kNameSigns = "._-", kVersionSigns = "._-+", kKindSigns = "._-/";

std::string word(const std::string& path, const Json& note, const char* key, std::string_view signs = kVersionSigns) {
  const Json* value = note.find(key);
  if (!value || !value->is_string() || !is_word(value->as_string(), signs))
    bad_field(path, key, fmt::format("a text of letters, digits and {}", fmt::join(signs, " ")));
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
  return is_word(text, kKindSigns) && slash != std::string::npos && slash > 0 && slash + 1 < text.size() &&
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
    if (!is_word(name.as_string(), kNameSigns) && !(any_allowed && name.as_string() == "*"))
      bad_field(path, key, expected);
    ComponentName component{kind.as_string(), name.as_string()};
    if (std::find(result.begin(), result.end(), component) != result.end()) bad_field(path, key, expected);
    result.push_back(std::move(component));
  }
  return result;
}

// "": none, or zeros.
std::string digest_of_note(const std::string& path, const Json& note) {
  const Json* value = note.find("digest");
  if (!value || value->is_null()) return {};
  if (!value->is_string() || !is_digest(value->as_string()))
    bad_field(path, "digest", "64 digits of SHA-256 in lower case");
  return value->as_string() == std::string(kDigestDigits, '0') ? "" : value->as_string();
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
  note.id = word(path, json, "id", kNameSigns);
  if (note.id == kBuiltIn) bad_field(path, "id", "another word: this one stands for what the host has built in");
  note.version = word(path, json, "version");
  // What another major means by the rest is not known here; check_compatible refuses it by its number.
  if (note.sdk_major != SSP_ABI_MAJOR) return note;
  note.tier = word(path, json, "tier");
  note.machine = word(path, json, "machine");
  note.isa = word_or_null(path, json, "isa");
  note.torch = word_or_null(path, json, "torch");
  note.provides = components(path, json, "provides", false);
  note.needs = components(path, json, "needs", true);
  note.digest = digest_of_note(path, json);
  return note;
}

const ElfNote& plugin_note(const std::string& path, const ElfFile& elf) {
  const ElfNote* found = nullptr;
  for (const ElfNote& note : elf.notes) {
    if (note.type != SSP_NOTE_TYPE) continue;
    if (found)
      throw Error(Exit::plugin,
                  fmt::format("{}: two plugin notes in one file, expected one; link one plugin a file, and name its "
                              "components in SSP_PLUGIN or in PROVIDES, not in both",
                              path));
    found = &note;
  }
  if (found) return *found;
  throw Error(
      Exit::plugin,
      fmt::format("{}: a shared object, but no plugin of selfsup-host: expected an ELF note with owner \"{}\" and "
                  "type {}, found {}; build it with selfsup_add_plugin, and name its components in SSP_PLUGIN(…) or in "
                  "PROVIDES",
                  path, SSP_NOTE_OWNER, SSP_NOTE_TYPE,
                  elf.notes.empty() ? std::string("none") : fmt::format("type {}", elf.notes.front().type)));
}

// Where in the file the digits stand that the note gives as its digest; nothing if it has no place for them.
std::optional<uint64_t> digits_at(const std::string& path, const ElfFile& elf, const ElfNote& note,
                                  const std::string& digest) {
  const std::string digits = digest.empty() ? std::string(kDigestDigits, '0') : digest;
  const size_t at = note.text.find(digits);
  if (at == std::string::npos && digest.empty()) return std::nullopt;
  if (at == std::string::npos || note.text.find(digits, at + 1) != std::string::npos)
    bad_field(path, "digest", "written once, without escapes");
  const auto holds = [&](const ElfRange& r) { return note.at >= r.at && note.at + note.text.size() <= r.at + r.bytes; };
  if (std::none_of(elf.loaded.begin(), elf.loaded.end(), holds))
    bad_field(path, "digest", "in a segment that is loaded, as the whole note is");
  return note.at + at;
}

ElfFile read_elf(const ElfInput& input) { return read_elf(input, SSP_NOTE_OWNER, SSP_NOTE_MAX_BYTES); }

std::string absolute(const std::string& path) { return std::filesystem::absolute(path).lexically_normal().string(); }

NoteFile note_file(const std::string& path, const ElfFile& elf) {
  NoteFile file;
  file.path = path;
  file.note = parse_note(path, plugin_note(path, elf).text);
  if (file.note.digest.empty()) file.digest = Digest::none;
  file.elf_machine = elf.machine;
  file.needed_libraries = elf.needed;
  for (const std::string& version : elf.glibc)
    if (::strverscmp(file.newest_glibc.c_str(), version.c_str()) < 0) file.newest_glibc = version;
  return file;
}

}  // namespace

NoteFile read_note(const std::string& path) {
  const std::string whole = absolute(path);
  return note_file(whole, read_elf(ElfInput(whole)));
}

NoteFile open_plugin(const std::string& path) {
  const std::string whole = absolute(path);
  auto input = std::make_shared<const ElfInput>(whole);
  plugin_note(whole, read_elf(*input));  // other files are not worth a copy
  if (auto copy = input->sealed_copy()) input = std::move(copy);
  const ElfFile elf = read_elf(*input);
  NoteFile file = note_file(whole, elf);
  if (file.digest == Digest::unread) {
    const uint64_t at = *digits_at(whole, elf, plugin_note(whole, elf), file.note.digest);
    file.digest = digest_of(*input, elf, at) == file.note.digest ? Digest::right : Digest::wrong;
  }
  file.bytes = std::move(input);
  return file;
}

bool stamp(const std::string& path) {
  const ElfInput input(path);
  const ElfFile elf = read_elf(input);
  const ElfNote& note = plugin_note(path, elf);
  const std::string before = parse_note(path, note.text).digest;
  const std::optional<uint64_t> at = digits_at(path, elf, note, before);
  if (!at) bad_field(path, "digest", "there, with 64 zeros, for the digest to take their place");
  const std::string digest = digest_of(input, elf, *at);
  if (digest == before) return false;
  const auto written = [&](bool ok) {
    if (!ok) throw Error(Exit::storage, fmt::format("{}: cannot be stamped: {}", path, std::strerror(errno)));
  };
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  written(static_cast<bool>(fd));
  written(::pwrite(fd.get(), digest.data(), digest.size(), static_cast<off_t>(*at)) ==
          static_cast<ssize_t>(digest.size()));
  return true;
}

bool provides(const Note& note, const ComponentName& component) {
  return std::any_of(note.provides.begin(), note.provides.end(), [&component](const ComponentName& own) {
    return own.first == component.first && (component.second == "*" || own.second == component.second);
  });
}

std::string describe(const ComponentName& component) { return component.first + " " + component.second; }

std::string describe(const NoteFile& file) {
  return fmt::format("{} {} ({})", file.note.id, file.note.version, file.path);
}

}  // namespace selfsup::plugin
