#include "data/file.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/errors.h"
#include "data/datasets/dataset.h"

namespace selfsup::data {
namespace {

// It is that image's fault only if another file could still be read.
[[noreturn]] void fail(const FileError& failure) {
  switch (failure.error()) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EIO:
    case ESTALE:
    case ETIMEDOUT:
      throw Error(Exit::data,
                  fmt::format("{} (the machine's fault, not the image's: none takes its place)", failure.what()));
  }
  throw BadImage(failure.what());
}

}  // namespace

RegularFile open_file(const std::string& path) try { return RegularFile(path); } catch (const FileError& failure) {
  fail(failure);
}

void read_regular_file(const std::string& path, uint64_t max_bytes, std::vector<uint8_t>& out) try {
  const RegularFile file(path);
  if (file.size() > max_bytes)
    throw BadImage(fmt::format("{} bytes, more than the {} that are read", file.size(), max_bytes));
  out.resize(file.size());
  out.resize(file.read(0, out.data(), out.size()));  // it may have shrunk; what is there is judged as it is
} catch (const FileError& failure) {
  fail(failure);
}

std::string join_path(std::string_view dir, std::string_view name) {
  if (dir.empty() || (!name.empty() && name[0] == '/')) return std::string(name);
  if (name.empty()) return std::string(dir);
  return fmt::format("{}{}{}", dir, dir.back() == '/' ? "" : "/", name);
}

}  // namespace selfsup::data
