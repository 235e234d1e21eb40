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
  std::vector<uint64_t> needed;  // places in the string table
  uint64_t strings = 0;
  bool ended = false;
  for (const Elf64_Dyn& e : file.read_all<Elf64_Dyn>(segment->p_offset, segment->p_filesz, "dynamic section")) {
    ended = e.d_tag == DT_NULL;
    if (ended) break;
    const uint64_t value = e.d_un.d_val;
    if (e.d_tag == DT_NEEDED) needed.push_back(value);
    if (e.d_tag == DT_STRTAB) strings = value;
    if (e.d_tag == DT_STRSZ) strings_size_ = value;
    if (e.d_tag == DT_VERNEED) versions_ = value;
  }
  if (!ended) file.damaged("the dynamic section does not end");
  strings_ = file_offset(strings, "string table");
  if (!file.holds(strings_, strings_size_)) file.damaged("the string table ends past the file");
  for (const uint64_t name : needed) needed_.push_back(string_at(name));
}

std::vector<std::string> ElfDynamic::needed_versions() const {
  std::vector<std::string> versions;
  if (versions_ == 0) return versions;
  const char* const what = "version table";
  size_t seen = 0;
  for (uint64_t at = versions_;;) {
    const auto need = file_.read<Elf64_Verneed>(file_offset(at, what), what);
    for (uint64_t aux_at = at + need.vn_aux;;) {
      if (++seen > kMostVersions) file_.damaged("endless version table");
      const auto aux = file_.read<Elf64_Vernaux>(file_offset(aux_at, what), what);
      versions.push_back(string_at(aux.vna_name));
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
  if (offset >= strings_size_) file_.damaged("a name lies outside the string table");
  std::string text(std::min<uint64_t>(strings_size_ - offset, kLongestName), '\0');
  file_.read(strings_ + offset, text.data(), text.size(), "string table");
  const size_t end = text.find('\0');
  if (end == std::string::npos) file_.damaged("a name in the string table does not end");
  text.resize(end);
  return text;
}

}  // namespace selfsup::plugin
