#include "plugin/crossing.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace selfsup::plugin {
namespace {

// initial-exec: no allocation at first use, so that the signal handler may read them.
#define SELFSUP_THREAD_LOCAL __attribute__((tls_model("initial-exec"))) thread_local
SELFSUP_THREAD_LOCAL const char* current_plugin = nullptr;
SELFSUP_THREAD_LOCAL const char* current_callback = nullptr;
#undef SELFSUP_THREAD_LOCAL

std::terminate_handler previous_terminate = nullptr;

// One line in one write, from a signal handler: no allocation, no locks.
class Line {
 public:
  void add(const char* text) {
    const size_t n = strnlen(text, sizeof text_ - size_ - 1);
    std::memcpy(text_ + size_, text, n);
    size_ += n;
  }
  void write() {
    text_[size_++] = '\n';
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text_, size_);
  }

 private:
  char text_[512];
  size_t size_ = 0;
};

void on_abort(int) {
  if (current_plugin) {
    Line line;
    line.add("selfsup-host: plugin ");
    line.add(current_plugin);
    line.add(" let an exception cross, or aborted (callback ");
    line.add(current_callback);
    line.add("); build it on the C++ layer, or catch in every callback");
    line.write();
  }
  std::signal(SIGABRT, SIG_DFL);
  std::raise(SIGABRT);
}

void on_terminate() {
  // Inside a plugin the one line of on_abort says it; libstdc++'s own text would name neither plugin nor callback.
  if (current_plugin || !previous_terminate) std::abort();
  previous_terminate();
}

}  // namespace

Crossing::Crossing(const char* plugin, const char* callback) noexcept
    : outer_plugin_(current_plugin), outer_callback_(current_callback) {
  current_callback = callback;
  current_plugin = plugin;
}

Crossing::~Crossing() {
  current_plugin = outer_plugin_;
  current_callback = outer_callback_;
}

const char* Crossing::plugin() noexcept { return current_plugin; }
const char* Crossing::callback() noexcept { return current_callback; }

void install_abort_handler() {
  struct sigaction action = {};
  action.sa_handler = on_abort;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGABRT, &action, nullptr);
  previous_terminate = std::set_terminate(on_terminate);
}

}  // namespace selfsup::plugin
