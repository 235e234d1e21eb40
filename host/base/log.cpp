#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/errors.h"

namespace selfsup {
namespace {

std::atomic<uint64_t> dropped{0};

// Appends lines to a file that may run full: the run goes on, the lines are counted.
class LossyFile {
 public:
  explicit LossyFile(const std::string& path) : file_(std::fopen(path.c_str(), "ae")) {
    if (!file_) throw Error(Exit::storage, "cannot write the log " + path);
  }
  ~LossyFile() { std::fclose(file_); }
  LossyFile(const LossyFile&) = delete;
  LossyFile& operator=(const LossyFile&) = delete;

  void line(const char* severity, std::string_view text) {
    char stamp[32];
    const std::time_t now = std::time(nullptr);
    std::tm local;
    std::strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", localtime_r(&now, &local));
    const int written =
        std::fprintf(file_, "%s - selfsup - %s - %.*s\n", stamp, severity, static_cast<int>(text.size()), text.data());
    if (written < 0 || std::fflush(file_) != 0) {
      dropped.fetch_add(1, std::memory_order_relaxed);
      std::clearerr(file_);
    }
  }

 private:
  std::FILE* file_;
};

std::mutex mutex;  // of the four below; held while a message is written
std::string speaker;
Severity least_said = Severity::debug;
std::unique_ptr<LossyFile> file;
std::function<void(const std::function<void()>&)> terminal_sharer;

spdlog::logger& terminal() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(color_allowed() ? spdlog::color_mode::always
                                                                                      : spdlog::color_mode::never);
    auto made = std::make_shared<spdlog::logger>("selfsup", sink);
    made->set_pattern("%^%v%$");
    made->set_level(spdlog::level::info);
    made->set_error_handler([](const std::string&) {});  // a closed stderr stops nobody
    return made;
  }();
  return *logger;
}

struct Kind {
  spdlog::level::level_enum level;
  const char *prefix, *name;  // on the terminal, in the file
};
// In the order of Severity.
constexpr Kind kKinds[] = {{spdlog::level::debug, "", "DEBUG"},
                           {spdlog::level::info, "", "INFO"},
                           {spdlog::level::warn, "warning: ", "WARNING"},
                           {spdlog::level::err, "error: ", "ERROR"}};

}  // namespace

void log(Severity severity, std::string_view text) {
  const Kind& kind = kKinds[static_cast<size_t>(severity)];
  const std::lock_guard lock(mutex);
  if (severity < least_said) return;
  const auto write = [&] { terminal().log(kind.level, "{}{}{}", speaker, kind.prefix, text); };
  if (terminal_sharer && terminal().should_log(kind.level)) {
    terminal_sharer(write);
  } else {
    write();
  }
  if (file && severity != Severity::debug) file->line(kind.name, text);
}

void speak_as(const std::string& who, Severity least) {
  const std::lock_guard lock(mutex);
  speaker = "[" + who + "] ";
  least_said = least;
}

void write_messages_through(std::function<void(const std::function<void()>& write)> through) {
  const std::lock_guard lock(mutex);
  terminal_sharer = std::move(through);
}

void open_log_file(const std::string& path) {
  auto opened = std::make_unique<LossyFile>(path);
  const std::lock_guard lock(mutex);
  file = std::move(opened);
}

void close_log_file() {
  const std::lock_guard lock(mutex);
  file.reset();
}

uint64_t dropped_log_lines() { return dropped.load(std::memory_order_relaxed); }

bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }

bool color_allowed() {
  const char* no_color = std::getenv("NO_COLOR");
  return stderr_is_terminal() && !(no_color && *no_color);
}

}  // namespace selfsup
