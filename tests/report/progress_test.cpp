#include "report/progress.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/log.h"

using namespace selfsup::report;
using namespace std::chrono_literals;

namespace {

// A terminal of 60 columns; what is written to it can be read.
class Terminal {
 public:
  Terminal() {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = 60;
    if (::openpty(&outer_, &inner_, nullptr, nullptr, &size) != 0) throw std::runtime_error("openpty failed");
  }
  ~Terminal() {
    ::close(outer_);
    ::close(inner_);
  }
  int fd() const { return inner_; }
  std::string read() const {
    std::string out;
    pollfd ready{outer_, POLLIN, 0};
    char buffer[1024];
    while (::poll(&ready, 1, 0) > 0) out.append(buffer, static_cast<size_t>(::read(outer_, buffer, sizeof buffer)));
    return out;
  }

 private:
  int outer_ = -1, inner_ = -1;
};

// stderr on a terminal, without colours, for as long as it lives.
class Stderr {
 public:
  explicit Stderr(const Terminal& terminal) : before_(::dup(STDERR_FILENO)) {
    ::setenv("NO_COLOR", "1", 1);
    ::dup2(terminal.fd(), STDERR_FILENO);
  }
  ~Stderr() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }

 private:
  int before_;
};

// What stands on the lines of a terminal that got `text`.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  size_t column = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string& line = lines.back();
    if (text[i] == '\n') {
      lines.emplace_back();
      column = 0;
    } else if (text[i] == '\r') {
      column = 0;
    } else if (text[i] == '\x1b') {
      i += 2;  // "[K", the only sequence there is
      line.resize(column);
    } else {
      line.resize(std::max(line.size(), column + 1), ' ');
      line[column++] = text[i];
    }
  }
  return lines;
}

const Progress::Clock::time_point start{};

}  // namespace

TEST_CASE("the bar is one line that is drawn over, as wide as the terminal allows") {
  const Terminal terminal;
  Progress progress(terminal.fd(), true, false, false);
  progress.update(25, 100, "Epoch 1/5", "eta 0:01:02", start);
  CHECK(terminal.read() == "\r\x1b[KEpoch 1/5 #####..................  25/100  25%  eta 0:01:02\r");
  progress.update(100, 100, "Epoch 1/5", "", start);  // the end is always drawn
  CHECK(terminal.read() == "\r\x1b[KEpoch 1/5 #################################### 100/100 100%\r");
  progress.update(1, 3, std::string(100, 'x'), "", start + 1s);
  CHECK(terminal.read() == "\r\x1b[K" + std::string(59, 'x') + "\r");
}

TEST_CASE("the bar is redrawn at most ten times a second") {
  const Terminal terminal;
  Progress progress(terminal.fd(), true, false, false);
  int drawn = 0;
  for (int ms = 0; ms < 2000; ++ms) {
    progress.update(ms, 100000, "", "", start + std::chrono::milliseconds(ms));
    drawn += !terminal.read().empty();
  }
  CHECK(drawn == 20);
}

TEST_CASE("the bar makes room for a message of the log and goes away at the end") {
  const Terminal terminal;
  const Stderr on_terminal(terminal);
  {
    Progress progress(STDERR_FILENO, true, false, false);
    selfsup::log_info("early");
    CHECK(terminal.read() == "early\r\n");  // nothing to erase
    progress.update(1, 10, "a", "", start);
    terminal.read();
    selfsup::log(selfsup::Severity::debug, "not shown");
    CHECK(terminal.read().empty());
    std::thread([] { selfsup::log_info("from another thread"); }).join();
    CHECK(terminal.read() == "\r\x1b[Kfrom another thread\r\n");
    progress.update(2, 10, "a", "", start + 1ms);
    CHECK_FALSE(terminal.read().empty());  // back at once
  }
  CHECK(terminal.read() == "\r\x1b[K");
  selfsup::log_info("late");
  CHECK(terminal.read() == "late\r\n");
}

TEST_CASE("messages of several threads and the bar never share a line") {
  const Terminal terminal;
  const Stderr on_terminal(terminal);
  std::string text;
  {
    Progress progress(STDERR_FILENO, true, false, false);
    const auto speak = [] {
      for (int i = 0; i < 50; ++i) selfsup::log_info("message");
    };
    std::thread one(speak), two(speak);
    for (int i = 0; i < 500; ++i) {
      progress.update(i, 1000, "bar", "", start + std::chrono::seconds(i));
      text += terminal.read();
    }
    one.join();
    two.join();
  }
  text += terminal.read();
  std::vector<std::string> want(100, "message");
  want.emplace_back();
  CHECK(lines_of(text) == want);
}

TEST_CASE("colour and line characters come only where they are wanted") {
  const Terminal terminal;
  Progress plain(terminal.fd(), true, false, false), color(terminal.fd(), true, true, true);
  plain.update(5, 10, "a", "", start);
  CHECK(terminal.read().find("\x1b[3") == std::string::npos);
  color.update(5, 10, "a", "", start);
  const std::string text = terminal.read();
  CHECK(text.find("\x1b[36m━") != std::string::npos);
  CHECK(text.find("\x1b[0m") != std::string::npos);
}

TEST_CASE("where there is no terminal nothing is drawn") {
  const Terminal terminal;
  Progress off(terminal.fd(), false, true, true);
  off.update(5, 10, "a", "", start);
  CHECK(terminal.read().empty());
}
