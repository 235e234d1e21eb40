#include "checkpoint/work_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/errors.h"
#include "base/json.h"
#include "checkpoint/store.h"

namespace selfsup::checkpoint {
namespace {

constexpr std::string_view lock_name = ".lock";

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
  const ssize_t n = ::pread(fd, text, sizeof text, 0);
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

}  // namespace

WorkDir::WorkDir(const std::string& path) : path_(path) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
}

// The path's constructor has made an object, so whatever throws here, the destructor cleans up.
WorkDir::WorkDir(const std::string& path, IfUsed if_used) : WorkDir(path) {
  make_folders(path_, &made_);
  lock();
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
  if (lock_) ::unlink(fmt::format("{}/{}", path_, lock_name).c_str());
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) ::rmdir(folder->c_str());  // if it is empty
}

void WorkDir::lock() {
  const std::string file = fmt::format("{}/{}", path_, lock_name);
  lock_ = Fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!lock_) throw_storage("create", file, errno);
  while (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) throw_storage("lock", file, errno);
    const std::string holder = describe_holder(lock_.get());
    lock_ = Fd();  // the file is the holder's
    throw Error(Exit::usage,
                fmt::format("{} is in use by {}. Wait for it, end it, or choose another --work-dir", path_, holder));
  }
  const std::string record = holder_record();
  if (::ftruncate(lock_.get(), 0) != 0 ||
      ::pwrite(lock_.get(), record.data(), record.size(), 0) != static_cast<ssize_t>(record.size()))
    throw_storage("write", file, errno);
}

void WorkDir::probe() const {
  const Fd folder = open_folder(path_);
  const std::string from = ".probe", to = ".probe-renamed";
  ::unlinkat(folder.get(), from.c_str(), 0);
  try {
    HashingFile file(folder.get(), from, path_ + "/" + from, 0);
    file.write("probe\n", 6);
    file.finish();
    if (::renameat(folder.get(), from.c_str(), folder.get(), to.c_str()) != 0)
      throw_storage("rename files in", path_, errno);
    if (::unlinkat(folder.get(), to.c_str(), 0) != 0) throw_storage("remove files in", path_, errno);
  } catch (...) {
    for (const std::string& name : {from, to}) ::unlinkat(folder.get(), name.c_str(), 0);
    throw;
  }
}

std::string WorkDir::move_aside() {
  std::vector<std::string> names;
  for (std::string& name : list_folder(path_)) {
    if (name != lock_name && !name.starts_with("old-")) names.push_back(std::move(name));
  }
  if (names.empty()) return "";
  // The checkpoints go first: whatever a kill leaves behind is then no run that could be resumed by mistake.
  std::stable_partition(names.begin(), names.end(), [](const std::string& name) { return name == "checkpoints"; });
  const Fd folder = open_folder(path_);
  std::string old;
  for (int n = 1;; ++n) {
    old = fmt::format("old-{}", n);
    if (::mkdirat(folder.get(), old.c_str(), 0777) == 0) break;
    if (errno != EEXIST) throw_storage("create", path_ + "/" + old, errno);
  }
  for (const std::string& name : names) {
    if (::renameat(folder.get(), name.c_str(), folder.get(), (old + "/" + name).c_str()) != 0)
      throw_storage("move aside", path_ + "/" + name, errno);
  }
  sync_folder(folder.get(), path_);
  return path_ + "/" + old;
}

}  // namespace selfsup::checkpoint
