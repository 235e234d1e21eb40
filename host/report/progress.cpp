#include "report/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "report/terminal.h"

namespace selfsup::report {
namespace {

constexpr std::chrono::milliseconds least_interval{100};
constexpr size_t largest_bar = 40, least_bar = 8;

size_t columns_of(int fd) {
  struct winsize size;
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string repeat(std::string_view piece, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += piece;
  return out;
}

}  // namespace

Progress::Progress()
    : Progress(STDERR_FILENO, stderr_is_terminal() && !terminal_is_dumb(), color_allowed(), locale_is_utf8()) {}

Progress::Progress(int fd, bool enabled, bool color, bool utf8)
    : fd_(fd), enabled_(enabled), color_(color), utf8_(utf8) {
  if (beside_log())
    write_messages_through([this](const std::function<void()>& write) {
      const std::lock_guard lock(mutex_);
      erase();
      write();
    });
}

Progress::~Progress() {
  if (beside_log()) write_messages_through({});
  erase();
}

bool Progress::beside_log() const { return enabled_ && fd_ == STDERR_FILENO; }

void Progress::update(int64_t done, int64_t total, std::string_view label, std::string_view note,
                      Clock::time_point now) {
  if (!enabled_ || total <= 0) return;
  const std::lock_guard lock(mutex_);
  if (drawn_once_ && done < total && now - drawn_ < least_interval) return;
  drawn_ = now;
  drawn_once_ = true;

  done = std::clamp<int64_t>(done, 0, total);
  const std::string digits = std::to_string(total);
  std::string counts = fmt::format(" {:>{}}/{} {:>3}%", done, digits.size(), digits, done * 100 / total);
  if (!note.empty()) counts += fmt::format("  {}", note);
  const size_t width = columns_of(fd_) - 1;  // a full last column would wrap on some terminals
  const size_t text = label.size() + 1 + counts.size();
  std::string line(label);
  if (text + least_bar <= width) {
    const size_t bar = std::min(largest_bar, width - text);
    const size_t full =
        static_cast<size_t>(static_cast<double>(bar) * static_cast<double>(done) / static_cast<double>(total));
    line += ' ';
    if (color_) line += "\x1b[36m";
    line += repeat(utf8_ ? "━" : "#", full);
    if (color_) line += "\x1b[90m";
    line += repeat(utf8_ ? (color_ ? "━" : "─") : ".", bar - full);
    if (color_) line += "\x1b[0m";
    line += counts;
  } else {
    line = (line + counts).substr(0, width);
  }
  put("\r\x1b[K" + line + "\r");
  visible_ = true;
}

void Progress::erase() {
  if (!visible_) return;
  put("\r\x1b[K");
  visible_ = false;
  drawn_once_ = false;
}

void Progress::put(std::string_view text) {
  // One write, so that the bar is never torn; a terminal that has gone is no reason to stop.
  [[maybe_unused]] const ssize_t n = ::write(fd_, text.data(), text.size());
}

}  // namespace selfsup::report
