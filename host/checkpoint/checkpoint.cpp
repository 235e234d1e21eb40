#include "checkpoint/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "checkpoint/names.h"

namespace selfsup::checkpoint {
namespace {

constexpr uint64_t max_manifest = 16u << 20;

// A regular file below `folder`, never through a link. Missing or of another kind: Error(checkpoint).
RegularFile open_inside(int folder, const std::string& name, const std::string& path) {
  Fd from;
  std::string leaf = name;
  if (const size_t slash = name.find('/'); slash != name.npos) {
    from = Fd(uninterrupted([&] {
      return ::openat(folder, name.substr(0, slash).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }));
    leaf = name.substr(slash + 1);
    if (from) folder = from.get();
  }
  const bool reached = from || leaf == name;
  Fd fd(!reached ? -1 : uninterrupted([&] {
    return ::openat(folder, leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  }));
  if (!fd) {
    // What cannot be read for lack of rights or resources is not damaged.
    if (errno == EACCES || errno == EPERM || errno == EMFILE || errno == ENFILE || errno == ENOMEM)
      throw_storage("read", path, errno);
    const char* why = errno == ENOENT ? "it is missing" : errno == ELOOP ? "it is a link" : std::strerror(errno);
    throw Error(Exit::checkpoint, fmt::format("{}: damaged: {}", path, why));
  }
  try {
    return RegularFile(std::move(fd));
  } catch (const FileError& error) {
    throw Error(Exit::checkpoint, fmt::format("{}: damaged: {}", path, error.what()));
  }
}

// A read error of the device means that the bytes are gone, as far as resuming is concerned.
template <class F>
auto reading(const std::string& path, F&& f) {
  try {
    return f();
  } catch (const FileError& error) {
    throw Error(Exit::checkpoint, fmt::format("{}: damaged: {}", path, error.what()));
  }
}

Manifest manifest_in(int folder, const std::string& path) {
  const std::string file = fmt::format("{}/{}", path, manifest_name);
  const RegularFile open = open_inside(folder, std::string(manifest_name), file);
  return parse_manifest(reading(file, [&] { return open.read_all(max_manifest); }), file);
}

}  // namespace

Manifest read_manifest(const std::string& path) { return manifest_in(open_folder(path).get(), path); }

std::optional<Manifest> looks_whole(const std::string& path) {
  try {
    const Fd folder = open_folder(path);
    Manifest manifest = manifest_in(folder.get(), path);
    for (const FileRecord& f : manifest.files) {
      struct stat status;
      const auto look = [&] { return ::fstatat(folder.get(), f.name.c_str(), &status, AT_SYMLINK_NOFOLLOW); };
      if (uninterrupted(look) != 0 || !S_ISREG(status.st_mode) || static_cast<uint64_t>(status.st_size) != f.size)
        return std::nullopt;
    }
    return manifest;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Checkpoint::Checkpoint(const std::string& path) : path_(path) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  const Fd folder(uninterrupted([&] { return ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!folder)
    throw Error(Exit::checkpoint, fmt::format("no checkpoint folder at {}: {}", path_, std::strerror(errno)));
  manifest_ = manifest_in(folder.get(), path_);
  for (const FileRecord& f : manifest_.files) {
    const std::string file = fmt::format("{}/{}", path_, f.name);
    RegularFile open = open_inside(folder.get(), f.name, file);
    if (open.size() != f.size)
      throw Error(Exit::checkpoint,
                  fmt::format("{}: damaged: {} bytes, the manifest says {}", file, open.size(), f.size));
    if (reading(file, [&] { return open.sha256(); }) != f.sha256)
      throw Error(Exit::checkpoint, fmt::format("{}: damaged: its SHA-256 is not the manifest's", file));
    files_.push_back(std::move(open));
  }
}

bool Checkpoint::has(std::string_view file) const {
  return std::any_of(manifest_.files.begin(), manifest_.files.end(),
                     [&](const FileRecord& f) { return f.name == file; });
}

const RegularFile& Checkpoint::open(std::string_view file) const {
  for (size_t i = 0; i < files_.size(); ++i) {
    if (manifest_.files[i].name == file) return files_[i];
  }
  throw Error(Exit::checkpoint, fmt::format("{} holds no {}", path_, file));
}

SafetensorsFile Checkpoint::tensors(std::string_view file) const {
  return SafetensorsFile(open(file), fmt::format("{}/{}", path_, file));
}

std::string Checkpoint::blob(std::string_view file) const {
  return reading(fmt::format("{}/{}", path_, file), [&] { return open(file).read_all(UINT64_MAX); });
}

}  // namespace selfsup::checkpoint
