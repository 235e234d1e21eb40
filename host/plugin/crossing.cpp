#include "plugin/crossing.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
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

// Where this thread's signal handlers run: after a stack overflow nothing else is left.
class SignalStack {
 public:
  SignalStack() noexcept {
    stack_t present;
    if (::sigaltstack(nullptr, &present) != 0 || !(present.ss_flags & SS_DISABLE)) return;  // a sanitizer's
    void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    stack_.ss_sp = memory;
    stack_.ss_size = kBytes;
    ::sigaltstack(&stack_, nullptr);
  }
  ~SignalStack() {
    if (!stack_.ss_sp) return;
    stack_t off = {};
    off.ss_flags = SS_DISABLE;
    ::sigaltstack(&off, nullptr);
    ::munmap(stack_.ss_sp, kBytes);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr size_t kBytes = 64 << 10;  // the registers of wide vector units alone take some 11 KiB
  stack_t stack_ = {};
};

struct Fatal {
  int signal;
  const char* name;
  struct sigaction before;
};
Fatal fatal[] = {{SIGABRT, "SIGABRT", {}},
                 {SIGSEGV, "SIGSEGV", {}},
                 {SIGBUS, "SIGBUS", {}},
                 {SIGFPE, "SIGFPE", {}},
                 {SIGILL, "SIGILL", {}}};

void name_plugin(const Fatal& f) {
  Line line;
  line.add("selfsup-host: plugin ");
  line.add(current_plugin);
  if (f.signal == SIGABRT) {
    line.add(" let an exception cross, or aborted (callback ");
    line.add(current_callback);
    line.add("); build it on the C++ layer, or catch in every callback");
  } else {
    line.add(" crashed with ");
    line.add(f.name);
    line.add(" (callback ");
    line.add(current_callback);
    line.add("); run it in a debugger to see where");
  }
  line.write();
}

std::atomic<pid_t> dying_thread{0};
static_assert(std::atomic<pid_t>::is_always_lock_free);

void on_fatal(int signal, siginfo_t* info, void*) {
  pid_t first = 0;
  const pid_t self = ::gettid();
  // One line in all: another thread that goes wrong now waits for the end of the process.
  const bool is_first = dying_thread.compare_exchange_strong(first, self);
  while (!is_first && first != self) ::pause();
  for (const Fatal& f : fatal) {
    if (f.signal != signal) continue;
    if (is_first && current_plugin) name_plugin(f);
    ::sigaction(signal, &f.before, nullptr);
    // An instruction that faulted does so again on return, so that core dumps and sanitizers see the place. A signal
    // that was sent is sent again.
    if (info->si_code <= 0) std::raise(signal);
  }
}

void on_terminate() {
  // Inside a plugin the one line of on_fatal says it; libstdc++'s own text would name neither plugin nor callback.
  if (current_plugin || !previous_terminate) std::abort();
  previous_terminate();
}

}  // namespace

Crossing::Crossing(const char* plugin, const char* callback) noexcept
    : outer_plugin_(current_plugin), outer_callback_(current_callback) {
  static thread_local const SignalStack stack;
  current_callback = callback;
  current_plugin = plugin;
}

Crossing::~Crossing() {
  current_plugin = outer_plugin_;
  current_callback = outer_callback_;
}

const char* Crossing::plugin() noexcept { return current_plugin; }
const char* Crossing::callback() noexcept { return current_callback; }

void install_crash_handlers() {
  struct sigaction action = {};
  action.sa_sigaction = on_fatal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (Fatal& f : fatal) ::sigaction(f.signal, &action, &f.before);
  previous_terminate = std::set_terminate(on_terminate);
}

}  // namespace selfsup::plugin
