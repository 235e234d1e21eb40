#include "checkpoint/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
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

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string in_mib(uint64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

}  // namespace

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
  throw Error(Exit::storage, text);
}

Fd open_folder(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_storage("open the folder", path, errno);
  return fd;
}

void sync_folder(int fd, const std::string& path) {
  if (::fsync(fd) != 0) throw_storage("sync the folder", path, errno);
}

void make_folders(const std::string& path, std::vector<std::string>* made) {
  if (path.empty()) throw Error(Exit::usage, "the name of a folder is empty");
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    struct stat status;
    // stat first: mkdir of an existing folder on a read-only file system says EROFS.
    if (::stat(part.c_str(), &status) != 0) {
      if (::mkdir(part.c_str(), 0777) != 0) {
        if (errno != EEXIST) throw_storage("create the folder", part, errno);
      } else {
        if (made) made->push_back(part);
        const std::string parent = parent_of(part);
        const Fd fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (fd) sync_folder(fd.get(), parent);  // else a folder that may be passed but not read: nothing can be done
      }
    } else if (!S_ISDIR(status.st_mode)) {
      throw_storage("create the folder", part, ENOTDIR);
    }
    if (slash == std::string::npos) return;
  }
}

std::vector<std::string> list_folder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) throw_storage("list the folder", path, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw_storage("list the folder", path, errno);
  std::sort(names.begin(), names.end());
  return names;
}

int remove_tree(int folder, const std::string& name, std::string_view first) {
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  Fd open(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!open) return errno;
  const std::unique_ptr<DIR, int (*)(DIR*)> inner(::fdopendir(open.get()), ::closedir);
  if (!inner) return errno;
  const int fd = open.release();  // closedir closes it
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(inner.get())) {
    const std::string_view item = entry->d_name;
    if (item == first) {
      if (::unlinkat(fd, entry->d_name, 0) != 0) return errno;
    } else if (item != "." && item != "..") {
      names.emplace_back(item);
    }
  }
  int error = 0;
  for (const std::string& item : names) {
    if (const int e = remove_tree(fd, item)) error = error ? error : e;
  }
  if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0 && !error) error = errno;
  return error;
}

HashingFile::HashingFile(int folder, const std::string& name, std::string path, uint64_t bytes)
    : path_(std::move(path)), expected_(bytes), buffer_(new char[buffer_bytes]) {
  fd_ = Fd(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd_) throw_storage("create", path_, errno);
  if (bytes && ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(bytes)) != 0 && (errno == ENOSPC || errno == EDQUOT))
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
    const ssize_t n = ::write(fd_.get(), data, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw_storage("write", path_, n < 0 ? errno : ENOSPC, std::max(expected_, size_));
    data += n;
    bytes -= static_cast<size_t>(n);
  }
}

FileRecord HashingFile::finish() {
  flush();
  // A failed sync may have dropped the pages: a second one could falsely succeed. The file is given up instead.
  if (::fsync(fd_.get()) != 0) throw_storage("sync", path_, errno, size_);
  if (::close(fd_.release()) != 0 && errno != EINTR) throw_storage("close", path_, errno, size_);
  return {"", size_, hash_.hex()};
}

WholeFile::WholeFile(const std::string& path, uint64_t bytes)
    : path_(path), folder_path_(parent_of(path)), name_(path.substr(path.find_last_of('/') + 1)) {
  folder_ = open_folder(folder_path_);
  ::unlinkat(folder_.get(), (name_ + ".tmp").c_str(), 0);  // left by a process that was killed
  content_.emplace(folder_.get(), name_ + ".tmp", path_, bytes);
}

WholeFile::~WholeFile() {
  if (content_) ::unlinkat(folder_.get(), (name_ + ".tmp").c_str(), 0);
}

void WholeFile::commit() {
  content_->finish();
  if (::renameat(folder_.get(), (name_ + ".tmp").c_str(), folder_.get(), name_.c_str()) != 0)
    throw_storage("rename to", path_, errno);
  content_.reset();
  sync_folder(folder_.get(), folder_path_);
}

void write_file(const std::string& path, std::string_view bytes) {
  WholeFile file(path, bytes.size());
  file.content().write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace selfsup::checkpoint
