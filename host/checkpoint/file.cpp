#include "checkpoint/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace selfsup::checkpoint {
namespace {

constexpr size_t buffer_bytes = 256u << 10;  // small tensors are gathered up to here
constexpr size_t chunk_bytes = 1u << 20;     // hashed, then written while still in the cache

std::string in_mib(uint64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

}  // namespace

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void throw_storage(const std::string& doing, const std::string& path, int error, uint64_t bytes_needed) {
  std::string text = fmt::format("cannot {} {}: {}", doing, path, std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) {
    struct statvfs space;
    if (bytes_needed) text += fmt::format("; the file needs {}", in_mib(bytes_needed));
    std::string folder = path;
    while (::statvfs(folder.c_str(), &space) != 0 && folder != "/" && folder != ".") folder = parent_of(folder);
    if (::statvfs(folder.c_str(), &space) == 0)
      text += fmt::format("; {} are free there", in_mib(uint64_t{space.f_bavail} * space.f_frsize));
    text += ". Make room, or choose another --work-dir";
  }
  if (error == EFBIG) {
    rlimit limit{};
    const bool known = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    if (bytes_needed) text += fmt::format("; the file needs {}", in_mib(bytes_needed));
    if (known) text += fmt::format("; this process may write files of {} (ulimit -f)", in_mib(limit.rlim_cur));
  }
  throw Error(Exit::storage, text);
}

Fd open_folder(const std::string& path) {
  Fd fd(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd) throw_storage("open the folder", path, errno);
  return fd;
}

void sync_folder(int fd, const std::string& path) {
  if (uninterrupted([&] { return ::fsync(fd); }) != 0) throw_storage("sync the folder", path, errno);
}

int rename_in(int folder, const std::string& from, const std::string& to, unsigned flags) {
  return uninterrupted([&] {
    return flags ? ::renameat2(folder, from.c_str(), folder, to.c_str(), flags)
                 : ::renameat(folder, from.c_str(), folder, to.c_str());
  });
}

void make_folder(int folder, const std::string& name, const std::string& path) {
  if (uninterrupted([&] { return ::mkdirat(folder, name.c_str(), 0777); }) != 0) throw_storage("create", path, errno);
}

int remove_file(int folder, const std::string& name) {
  return uninterrupted([&] { return ::unlinkat(folder, name.c_str(), 0); });
}

void make_folders(const std::string& path, std::vector<std::string>* made) {
  if (path.empty()) throw Error(Exit::usage, "the name of a folder is empty");
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    struct stat status;
    // stat first: mkdir of an existing folder on a read-only file system says EROFS.
    if (uninterrupted([&] { return ::stat(part.c_str(), &status); }) == 0) {
      if (!S_ISDIR(status.st_mode)) throw_storage("create the folder", part, ENOTDIR);
    } else if (uninterrupted([&] { return ::mkdir(part.c_str(), 0777); }) == 0) {
      if (made) made->push_back(part);
      const std::string parent = parent_of(part);
      const Fd fd(uninterrupted([&] { return ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
      if (fd) sync_folder(fd.get(), parent);  // else a folder that may be passed but not read: nothing can be done
    } else if (errno != EEXIST) {
      throw_storage("create the folder", part, errno);
    } else if (uninterrupted([&] { return ::stat(part.c_str(), &status); }) != 0) {  // nobody else has just made it
      throw Error(Exit::storage, fmt::format("cannot create the folder {}: it is a link that leads nowhere", part));
    }
    if (slash == std::string::npos) return;
  }
}

namespace {

// The entries of an open folder, without "." and "..". Returns errno of a failure, 0 for none.
int read_entries(Fd folder, std::vector<std::string>& names) {
  DIR* stream = nullptr;
  do stream = ::fdopendir(folder.get());
  while (!stream && errno == EINTR);
  if (!stream) return errno;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(stream, ::closedir);
  folder.release();  // closedir closes it
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (!entry && errno == EINTR) continue;
    if (!entry) return errno;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
}

}  // namespace

namespace {

// 0: nothing is there.
mode_t mode_of(int folder, const std::string& name, int flags) {
  struct stat status;
  if (uninterrupted([&] { return ::fstatat(folder, name.c_str(), &status, flags); }) == 0) return status.st_mode;
  if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG)
    throw_storage("examine", name, errno);
  return 0;
}

}  // namespace

bool is_there(int folder, const std::string& name) { return mode_of(folder, name, AT_SYMLINK_NOFOLLOW) != 0; }

bool is_folder(const std::string& path) { return S_ISDIR(mode_of(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW)); }

bool is_folder_or_link(const std::string& path) { return S_ISDIR(mode_of(AT_FDCWD, path, 0)); }

std::vector<std::string> list_folder(const std::string& path) {
  std::vector<std::string> names;
  if (const int error = read_entries(open_folder(path), names)) throw_storage("list the folder", path, error);
  std::sort(names.begin(), names.end());
  return names;
}

int remove_tree(int folder, const std::string& name, std::string_view first) {
  if (remove_file(folder, name) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  Fd inner(
      uninterrupted([&] { return ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
  if (!inner) return errno;
  std::vector<std::string> names;
  int error = read_entries(Fd(uninterrupted([&] { return ::fcntl(inner.get(), F_DUPFD_CLOEXEC, 0); })), names);
  const auto before = std::find(names.begin(), names.end(), first);
  if (before != names.end() && remove_file(inner.get(), *before) != 0) return errno;
  for (const std::string& item : names) {
    if (const int e = remove_tree(inner.get(), item)) error = error ? error : e;
  }
  if (uninterrupted([&] { return ::unlinkat(folder, name.c_str(), AT_REMOVEDIR); }) != 0 && !error) error = errno;
  return error;
}

HashingFile::HashingFile(int folder, const std::string& name, std::string path, uint64_t bytes)
    : path_(std::move(path)), expected_(bytes), buffer_(new char[buffer_bytes]) {
  fd_ = Fd(uninterrupted(
      [&] { return ::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666); }));
  if (!fd_) throw_storage("create", path_, errno);
  if (bytes && uninterrupted([&] { return ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(bytes)); }) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
    throw_storage("write", path_, errno, bytes);
}

void HashingFile::write(const void* data, size_t bytes) {
  const char* from = static_cast<const char*>(data);
  if (bytes < buffer_bytes / 4) {
    if (buffered_ + bytes > buffer_bytes) flush();
    if (bytes) std::memcpy(buffer_.get() + buffered_, from, bytes);
    buffered_ += bytes;
    return;
  }
  flush();
  for (; bytes > 0;) {
    const size_t piece = std::min(bytes, chunk_bytes);
    write_out(from, piece);
    from += piece;
    bytes -= piece;
  }
}

void HashingFile::flush() {
  if (buffered_) write_out(buffer_.get(), buffered_);
  buffered_ = 0;
}

void HashingFile::write_out(const char* data, size_t bytes) {
  hash_.update(data, bytes);
  size_ += bytes;
  while (bytes > 0) {
    const ssize_t n = uninterrupted([&] { return ::write(fd_.get(), data, bytes); });
    if (n <= 0) throw_storage("write", path_, n < 0 ? errno : ENOSPC, std::max(expected_, size_));
    data += n;
    bytes -= static_cast<size_t>(n);
  }
}

FileRecord HashingFile::finish() {
  flush();
  // A failed sync may have dropped the pages: a second one could falsely succeed. The file is given up instead. One
  // that was interrupted has not failed.
  if (uninterrupted([&] { return ::fsync(fd_.get()); }) != 0) throw_storage("sync", path_, errno, size_);
  if (::close(fd_.release()) != 0 && errno != EINTR) throw_storage("close", path_, errno, size_);
  return {"", size_, hash_.hex()};
}

WholeFile::WholeFile(const std::string& path, uint64_t bytes)
    : path_(path), folder_path_(parent_of(path)), name_(path.substr(path.find_last_of('/') + 1)) {
  folder_ = open_folder(folder_path_);
  // Left by a process that was killed.
  if (remove_file(folder_.get(), name_ + ".tmp") != 0 && errno != ENOENT)
    throw_storage("replace", path_ + ".tmp", errno);
  content_.emplace(folder_.get(), name_ + ".tmp", path_, bytes);
}

WholeFile::~WholeFile() {
  if (content_) remove_file(folder_.get(), name_ + ".tmp");
}

void WholeFile::commit() {
  content_->finish();
  if (rename_in(folder_.get(), name_ + ".tmp", name_) != 0) throw_storage("rename to", path_, errno);
  content_.reset();
  sync_folder(folder_.get(), folder_path_);
}

void write_file(const std::string& path, std::string_view bytes) {
  WholeFile file(path, bytes.size());
  file.content().write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace selfsup::checkpoint
