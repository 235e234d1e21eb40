// The digest of a plugin file: SHA-256 of what is mapped of it. Knows no note and no SDK.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "plugin/elf.h"

namespace selfsup::plugin {

constexpr size_t kDigestDigits = 64;
bool is_digest(std::string_view text);  // 64 lower-case hexadecimal digits

// Over the ELF header, the table of program headers, and each loaded segment's bytes in the file, in this order. Taken
// as zero bytes: what the header says of the section table, which strip takes away. Taken as "0": the digest's own
// digits, which begin at byte `digits_at`.
std::string digest_of(const ElfInput& file, const ElfFile& elf, uint64_t digits_at);

}  // namespace selfsup::plugin
