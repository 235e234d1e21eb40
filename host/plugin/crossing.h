// Notes which plugin and callback this thread is inside, so that what happens there has a name, and leaves the thread
// as it was entered. Knows no LibTorch.
#pragma once

namespace selfsup::plugin {

// How a thread computes with floating-point numbers: rounding, and on x86 what is done with denormals and exceptions.
struct FloatModes {
  int rounding = 0;
  unsigned control = 0;

  static FloatModes now() noexcept;
  void set() const noexcept;
  bool operator==(const FloatModes&) const = default;
};

// Strings must live as long as the crossing, the plugin's name as long as any. Floating-point modes and the handler of
// std::terminate that were changed within are put back at its end, with a warning. Cheap: a few loads and thread-local
// stores; a thread's first one also gives it an alternate signal stack, if it has none. Nests.
class Crossing {
 public:
  Crossing(const char* plugin, const char* callback) noexcept;
  ~Crossing();
  Crossing(const Crossing&) = delete;
  Crossing& operator=(const Crossing&) = delete;

  // Of the innermost crossing of this thread; null outside of any.
  static const char* plugin() noexcept;
  static const char* callback() noexcept;
  // Of this thread's last crossing, which may be over; null before any.
  static const char* last_plugin() noexcept;

 private:
  const char *outer_plugin_, *outer_callback_;
  FloatModes modes_;
};

// SIGABRT, std::terminate and crashes (SIGSEGV, SIGBUS, SIGFPE, SIGILL; a stack overflow too) print one line that names
// plugin and callback, if this thread is inside one, or the plugin alone, if its code is what crashed or, on a thread
// that no callback has ever run on, what led there. Then the signal does what it would have done without: the exit
// status, a core dump, a sanitizer's report. Call once, from run().
void install_crash_handlers();

}  // namespace selfsup::plugin
