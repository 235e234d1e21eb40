#include "plugin/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/errors.h"

namespace selfsup::plugin {
namespace {

static_assert(std::endian::native == std::endian::little, "the reader takes numbers as they stand in the file");

constexpr uint64_t kLargestFile = uint64_t{8} << 30;
constexpr uint64_t kLargestNotes = uint64_t{1} << 20;
constexpr size_t kMostHeaders = 256, kMostNotes = 1000, kMostDynamic = 4096, kMostVersions = 4096, kLongestName = 4096;

const char* kRebuild = "copy or build the plugin again";

// One open file, read piece by piece; every piece is checked against the size that was found when it was opened.
class Input {
 public:
  explicit Input(const std::string& path) : path_(path) {
    // O_NONBLOCK: a FIFO must not make the host wait.
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd_ < 0) fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
    try {
      struct stat info;
      if (::fstat(fd_, &info) != 0) fail(fmt::format("cannot be examined: {}", std::strerror(errno)));
      if (S_ISDIR(info.st_mode)) fail("expected a plugin file, found a folder; name a file in it, or use --plugin-dir");
      if (!S_ISREG(info.st_mode)) fail("expected a plugin file, found something that is no regular file");
      size_ = static_cast<uint64_t>(info.st_size);
      if (size_ > kLargestFile) fail(fmt::format("{} bytes; plugins larger than 8 GiB are not taken", size_));
    } catch (...) {
      ::close(fd_);
      throw;
    }
  }
  ~Input() { ::close(fd_); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  uint64_t size() const { return size_; }
  bool holds(uint64_t offset, uint64_t bytes) const { return offset <= size_ && bytes <= size_ - offset; }

  void read(uint64_t offset, void* to, uint64_t bytes, const char* what) const {
    if (!holds(offset, bytes)) {
      fail(fmt::format("truncated or damaged: the {} at byte {} ends past the file's {} bytes; {}", what, offset, size_,
                       kRebuild));
    }
    auto* at = static_cast<char*>(to);
    while (bytes > 0) {
      const ssize_t n = ::pread(fd_, at, bytes, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
      if (n == 0) fail("became shorter while it was read; try again when it is complete");
      at += n;
      offset += static_cast<uint64_t>(n);
      bytes -= static_cast<uint64_t>(n);
    }
  }
  template <class T>
  T read(uint64_t offset, const char* what) const {
    T value;
    read(offset, &value, sizeof value, what);
    return value;
  }
  [[noreturn]] void fail(const std::string& text) const { throw Error(Exit::plugin, path_ + ": " + text); }
  [[noreturn]] void damaged(const std::string& what) const { fail(fmt::format("damaged: {}; {}", what, kRebuild)); }

 private:
  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    case EM_PPC64:
      return "ppc64le";
    case EM_S390:
      return "s390x";
    case EM_RISCV:
      return "riscv64";
    case EM_LOONGARCH:
      return "loongarch64";
    default:
      return fmt::format("machine {}", machine);
  }
}

Elf64_Ehdr read_header(const Input& file) {
  if (file.size() == 0)
    file.fail(fmt::format("expected a plugin (an ELF shared object), found an empty file; {}", kRebuild));
  unsigned char ident[EI_NIDENT] = {};
  file.read(0, ident, std::min<uint64_t>(file.size(), sizeof ident), "ELF header");
  if (std::memcmp(ident, ELFMAG, SELFMAG) != 0) {
    file.fail(
        fmt::format("expected a plugin (an ELF shared object, which begins with 7f 45 4c 46), found a file that "
                    "begins with {:02x} {:02x} {:02x} {:02x}; --plugin takes the .so that the build makes",
                    ident[0], ident[1], ident[2], ident[3]));
  }
  const auto header = file.read<Elf64_Ehdr>(0, "ELF header");
  if (header.e_ident[EI_CLASS] != ELFCLASS64)
    file.fail("expected a 64-bit ELF file, found another class; build the plugin for this machine");
  if (header.e_ident[EI_DATA] != ELFDATA2LSB)
    file.fail("expected a little-endian ELF file, found another byte order; build the plugin for this machine");
  if (header.e_ident[EI_VERSION] != EV_CURRENT || header.e_version != EV_CURRENT) file.damaged("unknown ELF version");
  if (header.e_type != ET_DYN) {
    file.fail(fmt::format("expected a shared object (ELF type {}), found ELF type {}; link the plugin with -shared",
                          ET_DYN, header.e_type));
  }
  return header;
}

std::vector<Elf64_Phdr> read_segments(const Input& file, const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr))
    file.damaged(fmt::format("program headers of {} bytes instead of {}", header.e_phentsize, sizeof(Elf64_Phdr)));
  if (header.e_phnum == 0 || header.e_phnum > kMostHeaders)
    file.damaged(fmt::format("{} program headers", header.e_phnum));
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  file.read(header.e_phoff, segments.data(), segments.size() * sizeof(Elf64_Phdr), "program header table");
  bool any_load = false;
  for (const Elf64_Phdr& s : segments) {
    if (s.p_type == PT_NULL || s.p_type == PT_GNU_STACK) continue;
    if (!file.holds(s.p_offset, s.p_filesz)) {
      file.fail(fmt::format("truncated or damaged: a segment needs {} bytes from byte {}, the file has {}; {}",
                            s.p_filesz, s.p_offset, file.size(), kRebuild));
    }
    if (s.p_type != PT_LOAD) continue;
    any_load = true;
    if (s.p_filesz > s.p_memsz) file.damaged("a segment is larger in the file than in memory");
    if (s.p_memsz > kLargestFile || s.p_vaddr > kLargestFile)
      file.damaged("a segment lies outside any sensible address");
  }
  if (!any_load) file.damaged("no segment to load");
  // The section table ends the file and is not mapped; without it the file is not what the linker wrote.
  if (header.e_shoff != 0 && !file.holds(header.e_shoff, uint64_t{header.e_shnum} * header.e_shentsize)) {
    file.fail(fmt::format("truncated: the section table at byte {} ends past the file's {} bytes; {}", header.e_shoff,
                          file.size(), kRebuild));
  }
  return segments;
}

void read_notes(const Input& file, const Elf64_Phdr& segment, const std::string& owner, uint64_t longest,
                std::vector<ElfNote>& notes) {
  const uint64_t align = segment.p_align == 8 ? 8 : 4;
  const auto padded = [align](uint64_t n) { return (n + align - 1) / align * align; };
  if (segment.p_filesz > kLargestNotes) {
    file.damaged(fmt::format("a segment of notes with {} bytes, at most {} are read", segment.p_filesz, kLargestNotes));
  }
  size_t seen = 0;
  uint64_t at = segment.p_offset;
  const uint64_t end = segment.p_offset + segment.p_filesz;
  while (end - at >= sizeof(Elf64_Nhdr)) {
    if (++seen > kMostNotes) file.damaged(fmt::format("more than {} notes in one segment", kMostNotes));
    const auto header = file.read<Elf64_Nhdr>(at, "note header");
    // Header and owner are padded together, then the text.
    const uint64_t text_at = padded(sizeof header + uint64_t{header.n_namesz}), text_size = header.n_descsz;
    if (text_at > end - at || text_size > end - at - text_at) file.damaged("a note ends past its segment");
    if (header.n_namesz == owner.size() + 1) {
      std::string name(header.n_namesz, '\0');
      file.read(at + sizeof header, name.data(), name.size(), "note owner");
      if (name == owner + '\0') {
        if (text_size > longest) {
          file.fail(fmt::format("its note has {} bytes, at most {} are allowed; shorten the lists of the note",
                                text_size, longest));
        }
        std::string text(text_size, '\0');
        file.read(at + text_at, text.data(), text_size, "note");
        notes.push_back({owner, header.n_type, std::move(text)});
      }
    }
    const uint64_t step = text_at + padded(text_size);
    if (step > end - at) return;  // the last note may lack its padding
    at += step;
  }
}

// The dynamic section: what the file needs from others.
class Dynamic {
 public:
  Dynamic(const Input& file, const std::vector<Elf64_Phdr>& segments, const Elf64_Phdr& dynamic)
      : file_(file), segments_(segments) {
    const size_t count = dynamic.p_filesz / sizeof(Elf64_Dyn);
    if (count > kMostDynamic) file.damaged(fmt::format("{} dynamic entries", count));
    entries_.resize(count);
    file.read(dynamic.p_offset, entries_.data(), count * sizeof(Elf64_Dyn), "dynamic section");
    strings_ = file_offset(value(DT_STRTAB).value_or(0), "string table");
    strings_size_ = value(DT_STRSZ).value_or(0);
    if (!file.holds(strings_, strings_size_)) file.damaged("the string table ends past the file");
  }

  std::vector<std::string> needed() const {
    std::vector<std::string> names;
    for (const Elf64_Dyn& entry : entries_) {
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_NEEDED) names.push_back(string_at(entry.d_un.d_val));
    }
    return names;
  }

  std::vector<std::string> glibc() const {
    std::vector<std::string> versions;
    const auto address = value(DT_VERNEED);
    if (!address) return versions;
    uint64_t at = file_offset(*address, "version table");
    size_t seen = 0;
    for (;;) {
      const auto need = file_.read<Elf64_Verneed>(at, "version table");
      uint64_t aux_at = at + need.vn_aux;
      for (unsigned i = 0; i < need.vn_cnt; ++i) {
        if (++seen > kMostVersions) file_.damaged("endless version table");
        const auto aux = file_.read<Elf64_Vernaux>(aux_at, "version table");
        const std::string name = string_at(aux.vna_name);
        if (name == "GLIBC_ABI_DT_RELR") versions.push_back("2.36");  // the first that understands DT_RELR
        if (name.rfind("GLIBC_2.", 0) == 0 || name.rfind("GLIBC_3.", 0) == 0) versions.push_back(name.substr(6));
        if (aux.vna_next == 0) break;
        aux_at += aux.vna_next;
      }
      if (++seen > kMostVersions) file_.damaged("endless version table");
      if (need.vn_next == 0) return versions;
      at += need.vn_next;
    }
  }

 private:
  std::optional<uint64_t> value(int64_t tag) const {
    for (const Elf64_Dyn& entry : entries_) {
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == tag) return entry.d_un.d_val;
    }
    return std::nullopt;
  }
  uint64_t file_offset(uint64_t address, const char* what) const {
    for (const Elf64_Phdr& s : segments_) {
      if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz) {
        return s.p_offset + (address - s.p_vaddr);
      }
    }
    file_.damaged(fmt::format("the {} lies in no segment", what));
  }
  std::string string_at(uint64_t offset) const {
    if (offset >= strings_size_) file_.damaged("a name lies outside the string table");
    std::string text(std::min<uint64_t>(strings_size_ - offset, kLongestName), '\0');
    file_.read(strings_ + offset, text.data(), text.size(), "string table");
    const size_t end = text.find('\0');
    if (end == std::string::npos) file_.damaged("a name in the string table does not end");
    text.resize(end);
    return text;
  }

  const Input& file_;
  const std::vector<Elf64_Phdr>& segments_;
  std::vector<Elf64_Dyn> entries_;
  uint64_t strings_ = 0, strings_size_ = 0;
};

}  // namespace

ElfFile read_elf(const std::string& path, const std::string& note_owner, uint64_t longest_note) {
  const Input file(path);
  const Elf64_Ehdr header = read_header(file);
  const std::vector<Elf64_Phdr> segments = read_segments(file, header);
  ElfFile result;
  result.machine = machine_name(header.e_machine);
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_NOTE) read_notes(file, segment, note_owner, longest_note, result.notes);
    if (segment.p_type == PT_DYNAMIC) {
      const Dynamic dynamic(file, segments, segment);
      result.needed = dynamic.needed();
      result.glibc = dynamic.glibc();
    }
  }
  return result;
}

std::string host_machine() {
#if defined(__x86_64__)
  return machine_name(EM_X86_64);
#elif defined(__aarch64__)
  return machine_name(EM_AARCH64);
#else
#error "name this machine here"
#endif
}

}  // namespace selfsup::plugin
