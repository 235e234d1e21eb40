#include "report/progress.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

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

TEST_CASE("the bar makes room for a message and goes away at the end") {
  const Terminal terminal;
  {
    Progress progress(terminal.fd(), true, false, false);
    progress.clear();
    CHECK(terminal.read().empty());  // nothing to clear
    progress.update(1, 10, "a", "", start);
    terminal.read();
    progress.clear();
    CHECK(terminal.read() == "\r\x1b[K");
    progress.update(2, 10, "a", "", start + 1ms);
    CHECK_FALSE(terminal.read().empty());  // back at once
  }
  CHECK(terminal.read() == "\r\x1b[K");
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
  off.clear();
  CHECK(terminal.read().empty());
}
