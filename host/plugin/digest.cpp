#include "plugin/digest.h"

#include <elf.h>

#include <algorithm>

#include "base/hash.h"

namespace selfsup::plugin {
namespace {

struct Hole {
  uint64_t at, bytes;
  char filling;
};

// The range's bytes in the file, holes filled.
void hash_range(Sha256& hash, const ElfInput& file, const ElfRange& range, const std::vector<Hole>& holes) {
  constexpr uint64_t kChunk = uint64_t{64} << 10;  // memory that malloc gives again without asking the system
  for (uint64_t at = range.at; at < range.at + range.bytes;) {
    std::vector<char> piece = file.read_all<char>(at, std::min(kChunk, range.at + range.bytes - at), "loaded segment");
    for (const Hole& hole : holes) {
      const uint64_t begin = std::max(at, hole.at), end = std::min(at + piece.size(), hole.at + hole.bytes);
      if (begin < end) std::fill_n(piece.begin() + static_cast<std::ptrdiff_t>(begin - at), end - begin, hole.filling);
    }
    hash.update(piece.data(), piece.size());
    at += piece.size();
  }
}

}  // namespace

bool is_digest(std::string_view text) {
  return text.size() == kDigestDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string digest_of(const ElfInput& file, const ElfFile& elf, uint64_t digits_at) {
  constexpr uint64_t shoff = offsetof(Elf64_Ehdr, e_shoff), shentsize = offsetof(Elf64_Ehdr, e_shentsize);
  const std::vector<Hole> holes = {{shoff, sizeof(Elf64_Ehdr::e_shoff), '\0'},
                                   {shentsize, sizeof(Elf64_Ehdr) - shentsize, '\0'},
                                   {digits_at, kDigestDigits, '0'}};
  Sha256 hash;
  hash_range(hash, file, {0, sizeof(Elf64_Ehdr)}, holes);
  hash_range(hash, file, elf.program_headers, holes);
  for (const ElfRange& segment : elf.loaded) hash_range(hash, file, segment, holes);
  return hash.hex();
}

}  // namespace selfsup::plugin
