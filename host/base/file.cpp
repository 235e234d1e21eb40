#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/hash.h"

namespace selfsup {
namespace {

constexpr size_t chunk_bytes = 1u << 20;

// Whatever is there, it is not waited for.
Fd open_anything(const std::string& path, int flags) {
  if (path.find('\0') != std::string::npos) throw FileError("a NUL in the path");
  Fd fd(uninterrupted([&] { return ::open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0666); }));
  if (fd) return fd;
  if (errno == ENXIO) throw FileError("a FIFO, a socket or a device, not a regular file");
  throw FileError("cannot be opened", errno);
}

void require_regular(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) throw FileError(fmt::format("{}, not a regular file", kind_of_file(status.st_mode)));
}

}  // namespace

const char* kind_of_file(unsigned mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a link";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISSOCK(mode)) return "a socket";
  return "something else";
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

FileError::FileError(const std::string& doing, int error)
    : std::runtime_error(fmt::format("{}: {}", doing, std::strerror(error))), error_(error) {}

Fd open_to_append(const std::string& path) {
  struct stat status;
  // Before it is opened: that alone moves some devices.
  if (uninterrupted([&] { return ::stat(path.c_str(), &status); }) == 0) require_regular(status);
  Fd fd = open_anything(path, O_WRONLY | O_CREAT | O_APPEND);
  if (uninterrupted([&] { return ::fstat(fd.get(), &status); }) != 0) throw FileError("cannot be examined", errno);
  require_regular(status);
  return fd;
}

RegularFile::RegularFile(const std::string& path) : RegularFile(open_anything(path, O_RDONLY)) {}

RegularFile::RegularFile(Fd open) : fd_(std::move(open)) {
  struct stat status;
  if (uninterrupted([&] { return ::fstat(fd_.get(), &status); }) != 0) throw FileError("cannot be examined", errno);
  require_regular(status);
  size_ = static_cast<uint64_t>(status.st_size);
}

size_t RegularFile::read(uint64_t offset, void* to, size_t bytes) const {
  size_t have = 0;
  while (have < bytes) {
    const ssize_t n = uninterrupted([&] {
      return ::pread(fd_.get(), static_cast<char*>(to) + have, bytes - have, static_cast<off_t>(offset + have));
    });
    if (n < 0) throw FileError("cannot be read", errno);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  return have;
}

std::string RegularFile::read_all(uint64_t limit) const {
  if (size_ > limit) throw FileError(fmt::format("expected at most {} bytes, found {}", limit, size_));
  std::string text(size_, '\0');
  text.resize(read(0, text.data(), text.size()));
  return text;
}

std::string RegularFile::sha256() const {
  const auto buffer = std::make_unique_for_overwrite<char[]>(chunk_bytes);
  Sha256 hash;
  for (uint64_t offset = 0;;) {
    const size_t n = read(offset, buffer.get(), chunk_bytes);
    hash.update(buffer.get(), n);
    if (n < chunk_bytes) return hash.hex();
    offset += n;
  }
}

}  // namespace selfsup
