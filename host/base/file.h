// Descriptors and the reading of regular files: one owner, one loop. Knows no format, nor whose fault a failure is:
// callers make FileError their own.
#pragma once
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace selfsup {

// The result of a system call (-1 and errno), begun again as often as a signal interrupts it.
template <class Call>
auto uninterrupted(const Call& call) {
  for (;;)
    if (const auto result = call(); result != -1 || errno != EINTR) return result;
}

// "a FIFO", of st_mode.
const char* kind_of_file(unsigned mode);

// A descriptor that closes itself. -1: none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }  // the descriptor is the caller's from now on

 private:
  int fd_ = -1;
};

// Why a file cannot be read, without its name: "cannot be opened: No such file or directory".
class FileError : public std::runtime_error {
 public:
  FileError(const std::string& doing, int error);  // error: errno
  explicit FileError(const std::string& text) : std::runtime_error(text) {}
  int error() const { return error_; }  // 0: the system is well, the file is not what was asked for

 private:
  int error_ = 0;
};

// A regular file to append to, through links too; made if there is none. What is there and is none is neither waited
// for nor written to. FileError.
Fd open_to_append(const std::string& path);

// A regular file, open for reading. A FIFO, a device or a directory is never waited for. Everything throws FileError.
class RegularFile {
 public:
  explicit RegularFile(const std::string& path);
  explicit RegularFile(Fd open);

  int fd() const { return fd_.get(); }
  Fd release() { return std::move(fd_); }
  uint64_t size() const { return size_; }  // when it was opened

  // Leaves the descriptor's position alone; gives fewer bytes only at the end of the file.
  size_t read(uint64_t offset, void* to, size_t bytes) const;
  // What is there, at most `limit` bytes: more is a FileError, before memory is taken.
  std::string read_all(uint64_t limit) const;
  std::string sha256() const;  // of the whole file, 64 lower-case digits

 private:
  Fd fd_;
  uint64_t size_ = 0;
};

}  // namespace selfsup
