// Reading files that may be anything: whose fault it is when one cannot be read. Knows no format.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace selfsup::data {

// A regular file, open for reading. BadImage with the reason when there is no such file, or it is none that this
// process may read; Error(data) when the machine is at fault: no descriptors left, no memory, a failing disk.
RegularFile open_file(const std::string& path);

// The bytes of a regular file; `out` keeps its memory. Throws as open_file, and BadImage when it holds more than
// max_bytes.
void read_regular_file(const std::string& path, uint64_t max_bytes, std::vector<uint8_t>& out);

// dir/name; name alone when it is absolute or dir is empty.
std::string join_path(std::string_view dir, std::string_view name);

}  // namespace selfsup::data
