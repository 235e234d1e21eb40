// Reading files that may be anything, and paths made fit to print. Knows no format.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace selfsup::data {

// The bytes of a regular file; `out` keeps its memory. A FIFO, a device or a directory is never waited for. What cannot
// be read, is no regular file or holds more than max_bytes is a BadImage with the reason.
void read_regular_file(const std::string& path, uint64_t max_bytes, std::vector<uint8_t>& out);

// Printable UTF-8 in one line: control characters and bytes that are no UTF-8 become \n, \t, \xNN, a backslash \\.
std::string printable(std::string_view bytes);

// dir/name; name alone when it is absolute or dir is empty.
std::string join_path(std::string_view dir, std::string_view name);

}  // namespace selfsup::data
