#include "plugin/elf_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/errors.h"

namespace selfsup::plugin {
namespace {

constexpr uint64_t kLargest = uint64_t{8} << 30, kChunk = uint64_t{64} << 10;

RegularFile open_plugin(const std::string& path) try {
  RegularFile file(path);
  if (file.size() > kLargest)
    throw FileError(fmt::format("{} bytes; plugins larger than 8 GiB are not taken", file.size()));
  return file;
} catch (const FileError& error) {
  std::error_code ignored;
  const char* remedy = std::filesystem::is_directory(path, ignored) ? "; name a file in it, or use --plugin-dir" : "";
  throw Error(Exit::plugin, fmt::format("{}: {}{}", path, error.what(), remedy));
}

}  // namespace

ElfInput::ElfInput(const std::string& path) : ElfInput(path, open_plugin(path)) {}

std::shared_ptr<const ElfInput> ElfInput::sealed_copy() const {
  const auto check = [this](bool ok) {
    if (!ok) fail(fmt::format("cannot be copied into memory: {}", FileError("memfd", errno).what()));
  };
  // Under this name it stands in /proc/PID/maps.
  const std::string name = std::filesystem::path(path_).filename();
  constexpr unsigned kNoExecSeal = 8;  // MFD_NOEXEC_SEAL: Linux since 6.3 may demand it; before, it knows it not
  Fd copy(::memfd_create(name.c_str(), MFD_CLOEXEC | kNoExecSeal));
  if (!copy) copy = Fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) return nullptr;
  for (uint64_t offset = 0; offset < size();) {
    const auto piece = read_all<char>(offset, std::min(kChunk, size() - offset), "file");
    for (size_t done = 0; done < piece.size();) {
      const ssize_t n = ::write(copy.get(), piece.data() + done, piece.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EFBIG) return nullptr;  // ulimit -f counts files in memory too
      check(n > 0);
      done += static_cast<size_t>(n);
    }
    offset += piece.size();
  }
  check(::fcntl(copy.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
  return std::shared_ptr<const ElfInput>(new ElfInput(path_, RegularFile(std::move(copy))));
}

std::string ElfInput::sha256() const try { return file_.sha256(); } catch (const FileError& error) {
  fail(error.what());
}

void ElfInput::require(uint64_t offset, uint64_t bytes, const char* what) const {
  if (holds(offset, bytes)) return;
  fail(fmt::format("truncated or damaged: the {} at byte {} ends past the file's {} bytes; {}", what, offset, size(),
                   kRebuild));
}

void ElfInput::read(uint64_t offset, void* to, uint64_t bytes, const char* what) const try {
  require(offset, bytes, what);
  if (file_.read(offset, to, bytes) < bytes) fail("became shorter while it was read; try again when it is complete");
} catch (const FileError& error) {
  fail(error.what());
}

void ElfInput::fail(const std::string& text) const { throw Error(Exit::plugin, path_ + ": " + text); }
void ElfInput::damaged(const std::string& what) const { fail(fmt::format("damaged: {}; {}", what, kRebuild)); }

}  // namespace selfsup::plugin
