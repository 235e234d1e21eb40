#include "plugin/ending.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "base/errors.h"
#include "plugin/crossing.h"

namespace selfsup::plugin {
namespace {

constexpr int kNotYet = -1;  // the host is at work
std::atomic<int> status_of_host{kNotYet};
std::atomic<bool> has_stepped{false}, is_ending{false};
pid_t host_process = 0;

// The file whose code calls; "": not known. Plugins are mapped from memory that has the file's name.
std::string file_of(const void* code) {
  Dl_info info;
  if (!code || ::dladdr(code, &info) == 0 || !info.dli_fname) return "";
  if (std::string_view(info.dli_fname).substr(0, 6) != "/proc/") return info.dli_fname;
  std::error_code error;
  std::string link = std::filesystem::read_symlink(info.dli_fname, error).string();
  constexpr std::string_view kMemory = "/memfd:", kGone = " (deleted)";
  if (link.starts_with(kMemory)) link.erase(0, kMemory.size());
  if (link.ends_with(kGone)) link.resize(link.size() - kGone.size());
  return error ? info.dli_fname : link;
}

// caller: an address in the code that called `function`, or null.
void somebody_ends(const char* function, int status, const void* caller) {
  if (::getpid() != host_process) return;
  const int promised = status_of_host;
  if (promised != kNotYet && status == promised) return;
  if (is_ending.exchange(true)) {
    for (;;) ::pause();  // one line in all: another thread is at it
  }
  const char* plugin = Crossing::plugin();
  const std::string file = file_of(caller);
  const std::string who = plugin ? fmt::format("plugin {}", plugin) : file.empty() ? "a library" : file;
  std::string where = promised == kNotYet ? "on a thread of its own" : "while the process ended";
  if (plugin) where = fmt::format("callback {}{}{}", Crossing::callback(), file.empty() ? "" : ", in ", file);
  const std::string line = fmt::format(
      "selfsup-host: {} ended the process by {}({}) ({}); a plugin returns an error, and the end is the host's\n", who,
      function, status, where);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  end_now(promised != kNotYet ? promised : static_cast<int>(plugin && !has_stepped ? Exit::plugin : Exit::failed));
}

}  // namespace

void guard_ending() {
  host_process = ::getpid();
  // The program hands over what it hears of exit and the like before libc does: start/foreign_calls.cpp.
  using Hook = void (*)(const char*, int, const void*);
  if (void* hook = ::dlsym(RTLD_DEFAULT, "selfsup_exit_hook")) *static_cast<Hook*>(hook) = somebody_ends;
  // And what calls libc from within (err, error), or changes the status after the host has ended.
  ::on_exit([](int status, void*) { somebody_ends("exit", status, nullptr); }, nullptr);
}

void first_step_is_through() { has_stepped = true; }

int host_ends_with(int status) {
  status_of_host = status;
  return status;
}

void end_now(int status) noexcept {
  ::syscall(SYS_exit_group, status);
  __builtin_unreachable();
}

}  // namespace selfsup::plugin
