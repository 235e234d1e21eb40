#include "plugin/elf_dynamic.h"

#include <fmt/format.h>

#include <algorithm>

namespace selfsup::plugin {
namespace {

constexpr size_t kMostEntries = 4096, kMostVersions = 4096, kLongestName = 4096;

}  // namespace

ElfDynamic::ElfDynamic(const ElfInput& file, const std::vector<Elf64_Phdr>& segments)
    : file_(file), segments_(segments) {
  const auto is_dynamic = [](const Elf64_Phdr& s) { return s.p_type == PT_DYNAMIC; };
  const auto segment = std::find_if(segments.begin(), segments.end(), is_dynamic);
  if (segment == segments.end()) file.damaged("no dynamic section");
  if (segment->p_filesz > kMostEntries * sizeof(Elf64_Dyn))
    file.damaged(fmt::format("a dynamic section of {} bytes", segment->p_filesz));
  std::vector<uint64_t> needed, names;  // places in the string table
  bool ended = false;
  for (const Elf64_Dyn& e : file.read_all<Elf64_Dyn>(segment->p_offset, segment->p_filesz, "dynamic section")) {
    ended = e.d_tag == DT_NULL;
    if (ended) break;
    const uint64_t value = e.d_un.d_val;
    if (e.d_tag == DT_NEEDED) needed.push_back(value);
    for (const int64_t tag : {DT_SONAME, DT_RPATH, DT_RUNPATH, DT_AUXILIARY, DT_FILTER}) {
      if (e.d_tag == tag) names.push_back(value);
    }
    const bool may_repeat = e.d_tag == DT_NEEDED || e.d_tag == DT_AUXILIARY || e.d_tag == DT_FILTER;
    if (!values_.emplace(e.d_tag, value).second && !may_repeat)
      file.damaged(fmt::format("two dynamic entries of type {:#x}", e.d_tag));
  }
  if (!ended) file.damaged("the dynamic section does not end");
  strings_ = file_offset(value(DT_STRTAB).value_or(0), "string table");
  strings_size_ = value(DT_STRSZ).value_or(0);
  if (!file.holds(strings_, strings_size_)) file.damaged("the string table ends past the file");
  if (strings_size_ == 0 || file.read<char>(strings_ + strings_size_ - 1, "string table") != '\0')
    file.damaged("the string table does not end with a zero byte");
  for (const uint64_t name : names) string_at(name);
  for (const uint64_t name : needed) needed_.push_back(string_at(name));
}

std::optional<uint64_t> ElfDynamic::value(int64_t tag) const {
  const auto found = values_.find(tag);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<ElfDynamic::Version> ElfDynamic::needed_versions() const {
  std::vector<Version> versions;
  const auto address = value(DT_VERNEED);
  if (!address) return versions;
  const char* const what = "version table";
  size_t seen = 0;
  for (uint64_t at = *address;;) {
    const auto need = file_.read<Elf64_Verneed>(file_offset(at, what), what);
    const std::string file = string_at(need.vn_file);
    for (uint64_t aux_at = at + need.vn_aux;;) {
      if (++seen > kMostVersions) file_.damaged("endless version table");
      const auto aux = file_.read<Elf64_Vernaux>(file_offset(aux_at, what), what);
      versions.push_back({file, string_at(aux.vna_name), aux.vna_other & 0x7fffu});
      if (aux.vna_next == 0) break;
      aux_at += aux.vna_next;
    }
    if (need.vn_next == 0) return versions;
    at += need.vn_next;
  }
}

uint64_t ElfDynamic::file_offset(uint64_t address, const char* what) const {
  for (const Elf64_Phdr& s : segments_) {
    if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz) {
      return s.p_offset + (address - s.p_vaddr);
    }
  }
  file_.damaged(fmt::format("the {} lies in no segment", what));
}

std::string ElfDynamic::string_at(uint64_t offset) const {
  if (!is_name(offset)) file_.damaged("a name lies outside the string table");
  std::string text(std::min<uint64_t>(strings_size_ - offset, kLongestName), '\0');
  file_.read(strings_ + offset, text.data(), text.size(), "string table");
  const size_t end = text.find('\0');
  if (end == std::string::npos) file_.damaged("a name in the string table does not end");
  text.resize(end);
  return text;
}

}  // namespace selfsup::plugin
