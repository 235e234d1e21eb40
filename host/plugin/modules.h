// Whose code is where: of plugins, and of the libraries that came with them. May be asked in a signal handler. Knows no
// more of plugins than their names.
#pragma once
#include <cstddef>
#include <cstdint>

namespace selfsup::plugin {

// What is mapped while this object lives, and was not before, is the plugin's. One at a time.
class NewModules {
 public:
  explicit NewModules(const char* plugin);  // up to 63 bytes of its name are kept
  ~NewModules();
  NewModules(const NewModules&) = delete;
  NewModules& operator=(const NewModules&) = delete;

 private:
  const char* plugin_;
  size_t before_;  // as many were mapped
};

// The plugin whose code is at that address; null: none's. Lives for ever.
const char* plugin_at(uintptr_t address) noexcept;

// Of the return addresses on a stack, which begins at `from`, the plugin of the innermost that is in some plugin's
// code.
const char* plugin_on_stack(uintptr_t from) noexcept;

}  // namespace selfsup::plugin
