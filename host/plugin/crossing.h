// Notes which plugin and callback this thread is inside, so that what happens there has a name. Knows no LibTorch.
#pragma once

namespace selfsup::plugin {

// Strings must live as long as the crossing. Cheap: two thread-local stores; a thread's first one also gives it an
// alternate signal stack, if it has none. Nests.
class Crossing {
 public:
  Crossing(const char* plugin, const char* callback) noexcept;
  ~Crossing();
  Crossing(const Crossing&) = delete;
  Crossing& operator=(const Crossing&) = delete;

  // Of the innermost crossing of this thread; null outside of any.
  static const char* plugin() noexcept;
  static const char* callback() noexcept;

 private:
  const char *outer_plugin_, *outer_callback_;
};

// SIGABRT, std::terminate and crashes (SIGSEGV, SIGBUS, SIGFPE, SIGILL; a stack overflow too) print one line that names
// plugin and callback, if this thread is inside one. Then the signal does what it would have done without: the exit
// status, a core dump, a sanitizer's report. Call once, from run().
void install_crash_handlers();

}  // namespace selfsup::plugin
