// The bytes that a gzip file holds, read one after another: memory is taken by who knows how many are wanted. Knows no
// format of images.
#pragma once
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

namespace selfsup::data {

// What is wrong with a gzip file, without its name.
class GzipError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A file may have several members, whose contents follow one another, and zeros after the last.
class Gzip {
 public:
  explicit Gzip(std::span<const uint8_t> packed);  // outlives the object
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  static bool is_one(std::span<const uint8_t> bytes) {
    return bytes.size() > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
  }
  // The most that so many bytes can hold.
  static constexpr uint64_t most(uint64_t packed) { return packed * 1032; }

  // The next bytes; fewer than wanted only at the end. GzipError when they are damaged, or end too early.
  size_t read(uint8_t* out, size_t bytes);

 private:
  void feed();
  void end_member();

  std::span<const uint8_t> rest_;  // what zlib has not been given yet
  z_stream stream_{};
  bool over_ = false;
};

}  // namespace selfsup::data
