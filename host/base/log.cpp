#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/append.h"
#include "base/text.h"
#include "base/utf8.h"

namespace selfsup {
namespace {

std::string line_of(const char* severity, std::string_view text) {
  char stamp[32];
  const std::time_t now = std::time(nullptr);
  std::tm local;
  std::strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", localtime_r(&now, &local));
  return fmt::format("{} - selfsup - {} - {}", stamp, severity, text);
}

// Of a complaint, as much as a reader takes: whatever names and texts of others have come into it.
std::string shown(std::string_view text) {
  constexpr size_t kLongestLine = 1000, kMostLines = 200;
  std::string lines;
  for (size_t n = 0; !text.empty() && n < kMostLines; ++n) {
    const size_t end = text.find('\n');
    lines += elided(text.substr(0, end), kLongestLine);
    if (end != text.npos) lines += '\n';
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  if (!text.empty()) lines += fmt::format("and {} lines more", std::count(text.begin(), text.end(), '\n') + 1);
  return lines;
}

std::mutex mutex;  // of the four below; held while a message is written
std::string speaker;
Severity least_said = Severity::debug;
std::unique_ptr<AppendedLines> file;
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
  std::string words = printable_lines(text);
  if (severity >= Severity::warning) words = shown(words);
  const std::lock_guard lock(mutex);
  if (severity < least_said) return;
  const auto write = [&] { terminal().log(kind.level, "{}{}{}", speaker, kind.prefix, words); };
  if (terminal_sharer && terminal().should_log(kind.level)) {
    terminal_sharer(write);
  } else {
    write();
  }
  if (file && severity != Severity::debug) file->write(line_of(kind.name, words));
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
  auto opened = std::make_unique<AppendedLines>(path);
  const std::lock_guard lock(mutex);
  file = std::move(opened);
}

void close_log_file() {
  const std::lock_guard lock(mutex);
  file.reset();
}

uint64_t dropped_log_lines() {
  const std::lock_guard lock(mutex);
  return file ? file->dropped() : 0;
}

bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }

bool color_allowed() {
  const char* no_color = std::getenv("NO_COLOR");
  return stderr_is_terminal() && !(no_color && *no_color);
}

}  // namespace selfsup
