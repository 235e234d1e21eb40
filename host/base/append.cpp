#include "base/append.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"

namespace selfsup {
namespace {

Fd opened(const std::string& path) try { return open_to_append(path); } catch (const FileError& error) {
  if (error.error()) throw Error(Exit::storage, fmt::format("cannot write {}: {}", path, error.what()));
  throw Error(Exit::usage,
              fmt::format("cannot write {}: {}. Move it away, or choose another --work-dir", path, error.what()));
}

}  // namespace

WholeAppends::WholeAppends(const std::string& path) : fd_(opened(path)) {}

bool WholeAppends::append(std::string_view piece) {
  struct stat before;
  const bool known = ::fstat(fd_.get(), &before) == 0;
  const ssize_t written = uninterrupted([&] { return ::write(fd_.get(), piece.data(), piece.size()); });
  if (written == static_cast<ssize_t>(piece.size())) return true;
  if (written > 0)
    torn_ = torn_ || !known || uninterrupted([&] { return ::ftruncate(fd_.get(), before.st_size); }) != 0;
  return false;
}

void AppendedLines::write(std::string_view line) {
  const bool ends_a_torn_line = file_.torn();
  std::string piece = ends_a_torn_line ? "\n" : "";
  piece.append(line).push_back('\n');
  if (!file_.append(piece))
    ++dropped_;
  else if (ends_a_torn_line)
    file_.mend();
}

}  // namespace selfsup
