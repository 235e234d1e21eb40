#include "data/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "data/datasets/dataset.h"

namespace selfsup::data {
namespace {

// What errno says of a picture is that picture's fault only if another file could still be read.
[[noreturn]] void fail(const char* what) {
  const int error = errno;
  const std::string text = fmt::format("{}: {}", what, std::strerror(error));
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EIO:
    case ESTALE:
    case ETIMEDOUT:
      throw Error(Exit::data, text + " (the machine's fault, not the picture's: none takes its place)");
  }
  throw BadImage(text);
}

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISSOCK(mode)) return "a socket";
  return "no regular file";
}

}  // namespace

RegularFile::RegularFile(const std::string& path) : fd_(-1) {
  if (path.find('\0') != std::string::npos) throw BadImage("a NUL in the path");
  fd_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd_ < 0) {
    if (errno == ENXIO) throw BadImage("a socket or a device, not a regular file");
    fail("cannot be opened");
  }
  struct stat status;
  try {
    if (::fstat(fd_, &status) != 0) fail("cannot be examined");
    if (!S_ISREG(status.st_mode)) throw BadImage(fmt::format("{}, not a regular file", kind_of(status.st_mode)));
  } catch (...) {
    ::close(fd_);
    throw;
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

RegularFile::~RegularFile() {
  if (fd_ >= 0) ::close(fd_);
}

size_t RegularFile::read(uint8_t* out, size_t bytes) const {
  size_t have = 0;
  while (have < bytes) {
    const ssize_t got = ::read(fd_, out + have, bytes - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot be read");
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  return have;
}

void read_regular_file(const std::string& path, uint64_t max_bytes, std::vector<uint8_t>& out) {
  const RegularFile file(path);
  if (file.size() > max_bytes)
    throw BadImage(fmt::format("{} bytes, more than the {} that are read", file.size(), max_bytes));
  out.resize(file.size());
  out.resize(file.read(out.data(), out.size()));  // it may have shrunk; what is there is judged as it is
}

std::string join_path(std::string_view dir, std::string_view name) {
  if (dir.empty() || (!name.empty() && name[0] == '/')) return std::string(name);
  if (name.empty()) return std::string(dir);
  return fmt::format("{}{}{}", dir, dir.back() == '/' ? "" : "/", name);
}

}  // namespace selfsup::data
