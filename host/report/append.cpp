#include "report/append.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace selfsup::report {

WholeAppends::WholeAppends(const std::string& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (!fd_) throw Error(Exit::storage, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

bool WholeAppends::append(std::string_view piece) {
  struct stat before;
  const bool known = ::fstat(fd_.get(), &before) == 0;
  ssize_t written;
  do {
    written = ::write(fd_.get(), piece.data(), piece.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(piece.size())) return true;
  if (written > 0) torn_ = torn_ || !known || ::ftruncate(fd_.get(), before.st_size) != 0;
  return false;
}

}  // namespace selfsup::report
