// Reading files that may be anything. Knows no format.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace selfsup::data {

// A regular file, open for reading. A FIFO, a device or a directory is never waited for.
class RegularFile {
 public:
  // BadImage with the reason when there is no such file, or it is none that this process may read; Error(data) when the
  // machine is at fault: no descriptors left, no memory, a failing disk.
  explicit RegularFile(const std::string& path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  uint64_t size() const { return size_; }
  // The next bytes, fewer at the end of the file. Throws as the constructor.
  size_t read(uint8_t* out, size_t bytes) const;
  int release() { return std::exchange(fd_, -1); }  // the descriptor is the caller's from now on

 private:
  int fd_;
  uint64_t size_ = 0;
};

// The bytes of a regular file; `out` keeps its memory. Throws as RegularFile, and BadImage when it holds more than
// max_bytes.
void read_regular_file(const std::string& path, uint64_t max_bytes, std::vector<uint8_t>& out);

// dir/name; name alone when it is absolute or dir is empty.
std::string join_path(std::string_view dir, std::string_view name);

}  // namespace selfsup::data
