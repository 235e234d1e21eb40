// Notes which plugin and callback this thread is inside, so that what happens there has a name. Knows no LibTorch.
#pragma once

namespace selfsup::plugin {

// Strings must live as long as the crossing. Cheap: two thread-local stores. Nests.
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

// SIGABRT and std::terminate print one line that names plugin and callback, if this thread is inside one.
// Call once, from run().
void install_abort_handler();

}  // namespace selfsup::plugin
