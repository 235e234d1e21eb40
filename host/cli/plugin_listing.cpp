#include "cli/plugin_listing.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "base/errors.h"
#include "base/json.h"
#include "plugin/plan.h"
#include "plugin/tables.h"
#include "ssp/entry.h"

namespace selfsup::cli {
namespace {

using plugin::Candidate;
using plugin::ComponentName;
using plugin::NoteFile;

struct Need {
  ComponentName component;
  std::vector<std::string> served_by;  // files; empty: none here
};

struct Listed {
  NoteFile file;
  std::vector<Need> needs;
  std::vector<ComponentName> unknown;  // of what it provides: kinds that this host does not know
  std::string problem;                 // empty: it loads here
};

std::vector<std::string> servers(const ComponentName& need, const NoteFile& asker,
                                 const std::vector<Candidate>& candidates) {
  std::vector<std::string> files;
  if (plugin::provides(asker.note, need)) files.push_back(asker.path);
  for (const Candidate& candidate : candidates) {
    if (!candidate.file || !candidate.problem.empty() || plugin::same_file(candidate.path, asker.path)) continue;
    if (plugin::provides(candidate.file->note, need)) files.push_back(candidate.path);
  }
  return files;
}

// All of the folders, their digests looked at too; with none left open, since there may be many.
std::vector<Candidate> examine_folders(const plugin::Places& places) {
  std::vector<Candidate> candidates = plugin::scan_folders(places);
  for (Candidate& candidate : candidates) {
    candidate = plugin::examine(candidate.path, places.unstamped);
    if (candidate.file) candidate.file->bytes.reset();
  }
  return candidates;
}

Listed gather(const Candidate& candidate, const plugin::Places& places, const std::vector<Candidate>& candidates) {
  const NoteFile& file = *candidate.file;
  Listed listed{file, {}, {}, ""};
  for (const ComponentName& component : file.note.provides)
    if (!plugin::is_known_kind(component.first)) listed.unknown.push_back(component);
  for (const ComponentName& need : file.note.needs) listed.needs.push_back({need, servers(need, file, candidates)});
  try {
    plugin::plan_plugins({candidate}, places, {});
  } catch (const Error& error) {
    listed.problem = error.what();
  }
  return listed;
}

const char* digest_text(plugin::Digest digest) {
  return digest == plugin::Digest::right ? "right" : digest == plugin::Digest::wrong ? "wrong" : "none";
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json to_json(const ComponentName& component) { return Json(Json::Array{component.first, component.second}); }
Json to_json(const std::string& text) { return text; }
Json to_json(const Need& need);
template <class Item>
Json to_json(const std::vector<Item>& items) {
  Json::Array array;
  for (const Item& item : items) array.push_back(to_json(item));
  return array;
}
Json to_json(const Need& need) {
  return Json::Object{{"component", to_json(need.component)}, {"served_by", to_json(need.served_by)}};
}

Json to_json(const Listed& listed) {
  const NoteFile& file = listed.file;
  const plugin::Note& note = file.note;
  return Json::Object{{"path", file.path},
                      {"id", note.id},
                      {"version", note.version},
                      {"sdk", Json::Array{note.sdk_major, note.sdk_minor}},
                      {"tier", text_or_null(note.tier)},
                      {"digest", digest_text(file.digest)},
                      {"machine", file.elf_machine},
                      {"isa", text_or_null(note.isa)},
                      {"torch", text_or_null(note.torch)},
                      {"glibc", text_or_null(file.newest_glibc)},
                      {"libraries", to_json(file.needed_libraries)},
                      {"provides", to_json(note.provides)},
                      {"unknown", to_json(listed.unknown)},
                      {"needs", to_json(listed.needs)},
                      {"loads_here", listed.problem.empty()},
                      {"problem", text_or_null(listed.problem)}};
}

// "ssp.backbone.tokens/0" as "backbone.tokens", for people.
std::string short_kind(const std::string& kind) {
  const size_t begin = kind.rfind("ssp.", 0) == 0 ? 4 : 0;
  return kind.substr(begin, kind.rfind('/') - begin);
}

std::string file_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

std::string joined_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(file_name(path));
  return fmt::format("{}", fmt::join(names, ", "));
}

void print_brief(std::ostream& out, const Listed& listed) {
  const plugin::Note& note = listed.file.note;
  out << fmt::format("  {:<20} {} {}\n", file_name(listed.file.path), note.id, note.version);
  for (const auto& [kind, name] : note.provides) out << fmt::format("    {:<18} {}\n", short_kind(kind), name);
  for (const ComponentName& component : listed.unknown)
    out << fmt::format("    {}: a kind that this host does not know, for other plugins only\n", component.first);
  for (const Need& need : listed.needs) {
    out << fmt::format("    {:<18} {} {} ({})\n", "needs", short_kind(need.component.first),
                       need.component.second == "*" ? "of any name" : need.component.second,
                       need.served_by.empty() ? std::string("not here") : joined_names(need.served_by));
  }
  if (!listed.problem.empty()) out << fmt::format("    cannot be used here: {}\n", listed.problem);
}

void print_all(std::ostream& out, const Listed& listed, const std::string& digest) {
  const NoteFile& file = listed.file;
  const plugin::Note& note = file.note;
  const auto row = [&out](std::string_view key, std::string_view value) {
    out << fmt::format("  {:<11} {}\n", key, value);
  };
  const auto rows = [&row](std::string_view key, const std::vector<std::string>& values) {
    for (size_t i = 0; i < values.size(); ++i) row(i == 0 ? key : "", values[i]);
    if (values.empty()) row(key, "nothing");
  };
  out << fmt::format("{} {}\n", note.id, note.version);
  row("file", file.path);
  row("sha256", digest);
  row("digest", file.digest == plugin::Digest::right   ? "right: the file is what was stamped"
                : file.digest == plugin::Digest::wrong ? "wrong: the file is damaged, or was rewritten"
                                                       : "none: damage of the file is not told");
  row("SDK", fmt::format("{}.{} (this host: {}.{})", note.sdk_major, note.sdk_minor, SSP_ABI_MAJOR, SSP_ABI_MINOR));
  if (!note.tier.empty()) row("tier", note.tier);
  row("machine", note.isa.empty() ? file.elf_machine : file.elf_machine + ", processor " + note.isa);
  row("glibc", file.newest_glibc.empty()
                   ? std::string("any")
                   : fmt::format("{} or newer (this system: {})", file.newest_glibc, gnu_get_libc_version()));
  row("libraries",
      file.needed_libraries.empty() ? std::string("none") : fmt::format("{}", fmt::join(file.needed_libraries, ", ")));
  std::vector<std::string> provided, needed;
  for (const ComponentName& component : note.provides) provided.push_back(plugin::describe(component));
  for (const Need& need : listed.needs) {
    needed.push_back(fmt::format("{}, {}", plugin::describe(need.component),
                                 need.served_by.empty()
                                     ? std::string("served by nobody here")
                                     : fmt::format("served by {}", fmt::join(need.served_by, ", "))));
  }
  rows("provides", provided);
  for (const ComponentName& component : listed.unknown)
    row("", fmt::format("{}: a kind that this host does not know, for other plugins only", component.first));
  rows("needs", needed);
  row("loads here", listed.problem.empty() ? "yes" : "no: " + listed.problem);
}

}  // namespace

void list_plugins(std::ostream& out, const plugin::Places& places, bool json) {
  const std::vector<std::string>& folders = places.folders;
  const std::vector<Candidate> candidates = examine_folders(places);
  if (json) {
    Json::Array plugins, unreadable;
    for (const Candidate& candidate : candidates) {
      if (candidate.file)
        plugins.push_back(to_json(gather(candidate, places, candidates)));
      else
        unreadable.push_back(Json::Object{{"path", candidate.path}, {"problem", candidate.problem}});
    }
    const Json result = Json::Object{{"folders", to_json(folders)}, {"plugins", plugins}, {"unreadable", unreadable}};
    out << to_text(result, 2) << '\n';
    return;
  }
  if (folders.empty()) out << "no plugin folders; add one with --plugin-dir or SELFSUP_PLUGIN_PATH\n";
  for (const std::string& folder : folders) {
    out << folder << '\n';
    bool any = false;
    for (const Candidate& candidate : candidates) {
      if (std::filesystem::path(candidate.path).parent_path() != folder) continue;
      any = true;
      if (candidate.file) {
        print_brief(out, gather(candidate, places, candidates));
      } else {
        out << fmt::format("  {:<20} no plugin: {}\n", file_name(candidate.path), candidate.problem);
      }
    }
    if (!any) out << "  no plugins\n";
  }
}

void inspect_plugin(std::ostream& out, const std::string& argument, const plugin::Places& places, bool json) {
  const Candidate candidate =
      plugin::examine(plugin::find_plugin(argument, places.folders, "inspect " + argument), places.unstamped);
  if (!candidate.file) throw Error(Exit::plugin, candidate.problem);
  const Listed listed = gather(candidate, places, examine_folders(places));
  const std::string digest = candidate.file->bytes->sha256();
  if (json) {
    Json result = to_json(listed);
    result.set("sha256", digest);
    out << to_text(result, 2) << '\n';
  } else {
    print_all(out, listed, digest);
  }
}

}  // namespace selfsup::cli
