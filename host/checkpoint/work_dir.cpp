#include "checkpoint/work_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "checkpoint/renames.h"
#include "checkpoint/search.h"

namespace selfsup::checkpoint {
namespace {

constexpr const char* lock_name = ".lock";

std::string now_text() {
  char text[32];
  const std::time_t now = std::time(nullptr);
  std::tm local;
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", ::localtime_r(&now, &local));
  return text;
}

std::string holder_record() {
  char host[256] = "unknown";
  ::gethostname(host, sizeof host - 1);
  return to_text(
             Json(Json::Object{{"host", host}, {"pid", static_cast<int64_t>(::getpid())}, {"started", now_text()}})) +
         "\n";
}

// For the message; the record may be half written or gone.
std::string describe_holder(int fd) {
  char text[512];
  const ssize_t n = uninterrupted([&] { return ::pread(fd, text, sizeof text, 0); });
  if (n > 0) {
    try {
      const Json record = parse_json(std::string_view(text, static_cast<size_t>(n)), "lock", "lock");
      return fmt::format("process {} on {}, started {}", record.get("pid").as_int(), record.get("host").as_string(),
                         record.get("started").as_string());
    } catch (const Error&) {
    }
  }
  return "a process that has not yet said who it is";
}

bool same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

[[noreturn]] void throw_in_the_way(const std::string& path, const char* expected, const char* found) {
  throw Error(Exit::usage, fmt::format("{}: expected {}, found {}. Move it away, or choose another --work-dir", path,
                                       expected, found));
}

}  // namespace

WorkDir::WorkDir(const std::string& path) : path_(path) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
}

// The path's constructor has made an object, so whatever throws here, the destructor cleans up.
WorkDir::WorkDir(const std::string& path, IfUsed if_used) : WorkDir(path) {
  make_folders(path_, &made_);
  folder_ = open_folder(path_);
  lock();
  finish_renames(path_);
  probe();
  if (if_used == IfUsed::refuse && holds_checkpoints(checkpoints())) {
    throw Error(Exit::usage,
                fmt::format("{} holds checkpoints of an earlier run. Go on with it: --resume. Leave it alone: "
                            "--work-dir with another folder. Start anew here: --overwrite, which moves the old "
                            "run into {}/old-N",
                            path_, path_));
  }
}

WorkDir::~WorkDir() {
  if (made_.empty()) return;
  try {
    if (lock_ && lock_stands()) remove_file(folder_.get(), lock_name);
  } catch (const Error&) {  // then it stays, and the folder with it
  }
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) ::rmdir(folder->c_str());  // if it is empty
}

void WorkDir::lock() {
  const std::string file = fmt::format("{}/{}", path_, lock_name);
  do {
    lock_ = Fd(uninterrupted([&] {
      return ::openat(folder_.get(), lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    }));
    if (!lock_ && errno == ELOOP) throw_in_the_way(file, "a regular file", "a link");
    if (!lock_ && errno == EISDIR) throw_in_the_way(file, "a regular file", "a directory");
    if (!lock_) throw_storage("create", file, errno);
    struct stat status;
    if (uninterrupted([&] { return ::fstat(lock_.get(), &status); }) != 0) throw_storage("examine", file, errno);
    if (!S_ISREG(status.st_mode)) throw_in_the_way(file, "a regular file", kind_of_file(status.st_mode));
    if (uninterrupted([&] { return ::flock(lock_.get(), LOCK_EX | LOCK_NB); }) == 0) continue;
    if (errno != EWOULDBLOCK) throw_storage("lock", file, errno);
    const std::string holder = describe_holder(lock_.get());
    lock_ = Fd();  // the file is the holder's
    throw Error(Exit::usage,
                fmt::format("{} is in use by {}. Wait for it, end it, or choose another --work-dir", path_, holder));
  } while (!lock_stands());  // it was deleted in between
  const std::string record = holder_record();
  if (uninterrupted([&] { return ::ftruncate(lock_.get(), 0); }) != 0 ||
      uninterrupted([&] { return ::pwrite(lock_.get(), record.data(), record.size(), 0); }) !=
          static_cast<ssize_t>(record.size()))
    throw_storage("write", file, errno);
}

// What has the lock's name is the file that this object has locked.
bool WorkDir::lock_stands() const {
  struct stat named, own;
  const std::string file = fmt::format("{}/{}", path_, lock_name);
  if (uninterrupted([&] { return ::fstatat(folder_.get(), lock_name, &named, AT_SYMLINK_NOFOLLOW); }) != 0) {
    if (errno != ENOENT) throw_storage("examine", file, errno);
    return false;
  }
  if (uninterrupted([&] { return ::fstat(lock_.get(), &own); }) != 0) throw_storage("examine", file, errno);
  return same_file(named, own);
}

void WorkDir::require_ours() {
  struct stat named, own;
  if (uninterrupted([&] { return ::stat(path_.c_str(), &named); }) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) throw_storage("examine", path_, errno);
    throw Error(Exit::usage,
                fmt::format("the work folder {} has been deleted or moved while the run was in it: the run "
                            "ends, and is saved nowhere else",
                            path_));
  }
  if (uninterrupted([&] { return ::fstat(folder_.get(), &own); }) != 0) throw_storage("examine", path_, errno);
  if (!same_file(named, own))
    throw Error(Exit::usage, fmt::format("the work folder {} has been replaced while the run was in it: the run ends, "
                                         "and is saved nowhere else",
                                         path_));
  if (lock_stands()) return;
  const std::string file = fmt::format("{}/{}", path_, lock_name);
  Fd taken(uninterrupted([&] { return ::openat(folder_.get(), lock_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (taken)
    throw Error(Exit::usage,
                fmt::format("{} was deleted while the run was in the folder, and {} has taken it: this run "
                            "ends, and leaves what is there to the other",
                            file, describe_holder(taken.get())));
  lock();
  log_warning(fmt::format("{} was deleted while the run was in the folder; it is there again", file));
}

void WorkDir::require_regular(const std::vector<std::string>& replaced,
                              const std::vector<std::string>& appended_to) const {
  const auto require = [&](const std::string& name) {
    struct stat status;
    if (uninterrupted([&] { return ::fstatat(folder_.get(), name.c_str(), &status, 0); }) != 0) {
      if (errno != ENOENT) throw_storage("examine", path_ + "/" + name, errno);
      return;
    }
    if (!S_ISREG(status.st_mode)) throw_in_the_way(path_ + "/" + name, "a regular file", kind_of_file(status.st_mode));
  };
  for (const std::string& name : replaced) {
    require(name);
    require(name + ".tmp");
  }
  for (const std::string& name : appended_to) {
    require(name);
    if (uninterrupted([&] { return ::faccessat(folder_.get(), name.c_str(), W_OK, 0); }) != 0 && errno != ENOENT)
      throw_storage("write", path_ + "/" + name, errno);
  }
}

void WorkDir::require_folder(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  struct stat status;
  if (uninterrupted([&] { return ::fstatat(folder_.get(), name.c_str(), &status, 0); }) != 0) {
    if (errno == ENOENT && !is_there(folder_.get(), name)) return;
    if (errno != ENOENT) throw_storage("examine", path, errno);
    throw_in_the_way(path, "a folder", "a link that leads nowhere");
  }
  if (!S_ISDIR(status.st_mode)) throw_in_the_way(path, "a folder", kind_of_file(status.st_mode));
}

void WorkDir::probe() const {
  const std::string from = ".probe", to = ".probe-renamed";
  remove_file(folder_.get(), from);
  try {
    HashingFile file(folder_.get(), from, path_ + "/" + from, 0);
    file.write("probe\n", 6);
    file.finish();
    if (rename_in(folder_.get(), from, to) != 0) throw_storage("rename files in", path_, errno);
    if (remove_file(folder_.get(), to) != 0) throw_storage("remove files in", path_, errno);
  } catch (...) {
    for (const std::string& name : {from, to}) remove_file(folder_.get(), name);
    throw;
  }
}

std::string WorkDir::move_aside() {
  std::vector<std::string> names;
  for (std::string& name : list_folder(path_)) {
    if (name != lock_name && !name.starts_with("old-")) names.push_back(std::move(name));
  }
  if (names.empty()) return "";
  std::string old;
  for (int n = 1;; ++n) {
    old = fmt::format("old-{}", n);
    if (uninterrupted([&] { return ::mkdirat(folder_.get(), old.c_str(), 0777); }) == 0) break;
    if (errno != EEXIST) throw_storage("create", path_ + "/" + old, errno);
  }
  std::vector<Rename> renames;
  for (const std::string& name : names) renames.push_back({name, old + "/" + name});
  write_down(path_, renames);
  finish_renames(path_);
  return path_ + "/" + old;
}

}  // namespace selfsup::checkpoint
