#include "plugin/crossing.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <atomic>
#include <cfenv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/log.h"
#include "plugin/modules.h"

namespace selfsup::plugin {
namespace {

// initial-exec: no allocation at first use, so that the signal handler may read them.
#define SELFSUP_THREAD_LOCAL __attribute__((tls_model("initial-exec"))) thread_local
SELFSUP_THREAD_LOCAL const char* current_plugin = nullptr;
SELFSUP_THREAD_LOCAL const char* current_callback = nullptr;
SELFSUP_THREAD_LOCAL const char* last_plugin_here = nullptr;
#undef SELFSUP_THREAD_LOCAL

std::terminate_handler previous_terminate = nullptr;
bool handles_terminate = false;

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

// callback: null on a thread of the plugin's own, or of the host's outside of any.
void name_plugin(const Fatal& f, const char* plugin, const char* callback) {
  Line line;
  line.add("selfsup-host: plugin ");
  line.add(plugin);
  if (f.signal == SIGABRT && callback) {
    line.add(" let an exception cross, or aborted");
  } else if (f.signal == SIGABRT) {
    line.add(" let an exception out of a thread, or aborted");
  } else {
    line.add(" crashed with ");
    line.add(f.name);
  }
  line.add(callback ? " (callback " : " (outside of any callback");
  if (callback) line.add(callback);
  line.add(f.signal != SIGABRT ? "); run it in a debugger to see where"
           : callback          ? "); build it on the C++ layer, or catch in every callback"
                               : "); catch in every thread that it starts");
  line.write();
}

struct Place {
  uintptr_t code = 0, stack = 0;
};

Place place_of(const void* context) {
#if defined(__x86_64__)
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  return {static_cast<uintptr_t>(registers[REG_RIP]), static_cast<uintptr_t>(registers[REG_RSP])};
#elif defined(__aarch64__)
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
  return {registers.pc, registers.sp};
#else
  return {};
#endif
}

void name_culprit(const Fatal& f, const void* context) {
  if (current_plugin) return name_plugin(f, current_plugin, current_callback);
  const Place place = place_of(context);
  const char* plugin = plugin_at(place.code);
  // The host's threads have old frames of callbacks on their stacks.
  if (!plugin && !last_plugin_here && place.stack) plugin = plugin_on_stack(place.stack);
  if (plugin) name_plugin(f, plugin, nullptr);
}

std::atomic<pid_t> dying_thread{0};
static_assert(std::atomic<pid_t>::is_always_lock_free);

void on_fatal(int signal, siginfo_t* info, void* context) {
  pid_t first = 0;
  const pid_t self = ::gettid();
  // One line in all: another thread that goes wrong now waits for the end of the process.
  const bool is_first = dying_thread.compare_exchange_strong(first, self);
  while (!is_first && first != self) ::pause();
  for (const Fatal& f : fatal) {
    if (f.signal != signal) continue;
    if (is_first) name_culprit(f, context);
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

// Once of each plugin and change.
void warn_of_change(const char* plugin, const char* callback, const char* what) noexcept try {
  static std::mutex mutex;
  static std::set<std::pair<std::string, std::string>> said;
  const std::lock_guard lock(mutex);
  if (said.emplace(plugin, what).second)
    log_warning(fmt::format("plugin {} has changed {} (callback {}); the host puts it back", plugin, what, callback));
} catch (...) {  // a message that cannot be written is not worth a failure
}

}  // namespace

FloatModes FloatModes::now() noexcept {
  FloatModes modes{std::fegetround(), 0};
#if defined(__SSE__)
  modes.control = _mm_getcsr() & ~static_cast<unsigned>(_MM_EXCEPT_MASK);  // exceptions that have been are no mode
#endif
  return modes;
}

void FloatModes::set() const noexcept {
  std::fesetround(rounding);
#if defined(__SSE__)
  _mm_setcsr(control | (_mm_getcsr() & _MM_EXCEPT_MASK));
#endif
}

Crossing::Crossing(const char* plugin, const char* callback) noexcept
    : outer_plugin_(current_plugin), outer_callback_(current_callback), modes_(FloatModes::now()) {
  static thread_local const SignalStack stack;
  current_callback = callback;
  current_plugin = last_plugin_here = plugin;
}

Crossing::~Crossing() {
  if (!(FloatModes::now() == modes_)) {
    modes_.set();
    warn_of_change(current_plugin, current_callback, "how floating-point numbers are rounded");
  }
  if (handles_terminate && std::get_terminate() != on_terminate) {
    std::set_terminate(on_terminate);
    warn_of_change(current_plugin, current_callback, "the handler of std::terminate");
  }
  current_plugin = outer_plugin_;
  current_callback = outer_callback_;
}

const char* Crossing::plugin() noexcept { return current_plugin; }
const char* Crossing::callback() noexcept { return current_callback; }
const char* Crossing::last_plugin() noexcept { return last_plugin_here; }

void install_crash_handlers() {
  struct sigaction action = {};
  action.sa_sigaction = on_fatal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (Fatal& f : fatal) ::sigaction(f.signal, &action, &f.before);
  previous_terminate = std::set_terminate(on_terminate);
  handles_terminate = true;
}

}  // namespace selfsup::plugin
