#include "plugin/elf_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace selfsup::plugin {

ElfInput::ElfInput(const std::string& path) : path_(path) {
  // O_NONBLOCK: a FIFO must not make the host wait.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd_ < 0) fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
  try {
    struct stat info;
    if (::fstat(fd_, &info) != 0) fail(fmt::format("cannot be examined: {}", std::strerror(errno)));
    if (S_ISDIR(info.st_mode)) fail("expected a plugin file, found a folder; name a file in it, or use --plugin-dir");
    if (!S_ISREG(info.st_mode)) fail("expected a plugin file, found something that is no regular file");
    size_ = static_cast<uint64_t>(info.st_size);
    if (size_ > kLargest) fail(fmt::format("{} bytes; plugins larger than 8 GiB are not taken", size_));
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

ElfInput::~ElfInput() { ::close(fd_); }

void ElfInput::require(uint64_t offset, uint64_t bytes, const char* what) const {
  if (holds(offset, bytes)) return;
  fail(fmt::format("truncated or damaged: the {} at byte {} ends past the file's {} bytes; {}", what, offset, size_,
                   kRebuild));
}

void ElfInput::read(uint64_t offset, void* to, uint64_t bytes, const char* what) const {
  require(offset, bytes, what);
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

void ElfInput::fail(const std::string& text) const { throw Error(Exit::plugin, path_ + ": " + text); }
void ElfInput::damaged(const std::string& what) const { fail(fmt::format("damaged: {}; {}", what, kRebuild)); }

}  // namespace selfsup::plugin
