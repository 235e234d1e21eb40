#include "plugin/surroundings.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "plugin/crossing.h"
#include "plugin/modules.h"

namespace selfsup::plugin {
namespace {

// Those that the host, or who started it, relies on.
struct Heard {
  int signal;
  const char* name;
  struct sigaction action;
};

struct Surroundings {
  Fd folder;
  struct stat folder_status = {};
  mode_t mask = 0;
  std::array<Heard, 6> signals = {{{SIGHUP, "SIGHUP", {}},
                                   {SIGINT, "SIGINT", {}},
                                   {SIGTERM, "SIGTERM", {}},
                                   {SIGUSR1, "SIGUSR1", {}},
                                   {SIGPIPE, "SIGPIPE", {}},
                                   {SIGXFSZ, "SIGXFSZ", {}}}};
  sigset_t blocked = {};
  pid_t process = 0;                // 0: nothing is known yet
  std::set<std::string> said = {};  // what has been warned of
};

Surroundings& remembered() {
  static Surroundings surroundings;
  return surroundings;
}

bool same_place(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

bool same_action(const struct sigaction& a, const struct sigaction& b) {
  return (a.sa_flags & SA_SIGINFO) == (b.sa_flags & SA_SIGINFO) && a.sa_handler == b.sa_handler;
}

void restore_signals(Surroundings& kept, std::vector<std::string>& changed) {
  for (Heard& heard : kept.signals) {
    struct sigaction now {};
    if (::sigaction(heard.signal, nullptr, &now) != 0 || same_action(now, heard.action)) continue;
    ::sigaction(heard.signal, &heard.action, nullptr);
    changed.push_back(fmt::format("what {} does", heard.name));
  }
  sigset_t blocked;
  if (::pthread_sigmask(SIG_SETMASK, nullptr, &blocked) != 0) return;
  bool same = true;
  for (const Heard& heard : kept.signals)
    same = same && sigismember(&blocked, heard.signal) == sigismember(&kept.blocked, heard.signal);
  if (same) return;
  ::pthread_sigmask(SIG_SETMASK, &kept.blocked, nullptr);
  changed.emplace_back("which signals are blocked");
}

// A child process may go where it likes; so may who is no plugin.
bool may_move(const char* function, const void* caller) {
  const char* plugin = Crossing::plugin();
  if (!plugin) plugin = plugin_at(reinterpret_cast<uintptr_t>(caller));
  if (!plugin || ::getpid() != remembered().process) return true;
  static std::atomic<bool> said{false};
  if (!said.exchange(true))
    log_warning(
        fmt::format("plugin {} has called {}, which is refused: a process has one working folder, and the run's "
                    "paths begin there",
                    plugin, function));
  return false;
}

}  // namespace

void remember_surroundings() {
  Surroundings& kept = remembered();
  if (kept.process == 0) {
    kept.process = ::getpid();
    // The program hands over what it hears of these before libc does: start/foreign_calls.cpp.
    using Hook = bool (*)(const char*, const void*);
    if (void* hook = ::dlsym(RTLD_DEFAULT, "selfsup_folder_hook")) *static_cast<Hook*>(hook) = may_move;
    kept.folder = Fd(uninterrupted([] { return ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    if (kept.folder) ::fstat(kept.folder.get(), &kept.folder_status);
    kept.mask = ::umask(0);
    ::umask(kept.mask);
  }
  for (Heard& heard : kept.signals) ::sigaction(heard.signal, nullptr, &heard.action);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &kept.blocked);
}

void restore_surroundings() {
  Surroundings& kept = remembered();
  if (kept.process == 0) return;
  std::vector<std::string> changed;
  struct stat here {};
  if (kept.folder && (::stat(".", &here) != 0 || !same_place(here, kept.folder_status)) &&
      ::syscall(SYS_fchdir, kept.folder.get()) == 0)
    changed.emplace_back("the working folder");
  if (::umask(kept.mask) != kept.mask) changed.emplace_back("the mask of new files' modes (umask)");
  restore_signals(kept, changed);
  std::erase_if(changed, [&](const std::string& what) { return !kept.said.insert(what).second; });
  if (changed.empty()) return;
  const char* plugin = Crossing::last_plugin();
  log_warning(fmt::format("{} has changed what is the process's: {}; the host puts it back",
                          plugin ? fmt::format("plugin {}", plugin) : "a plugin", fmt::join(changed, ", ")));
}

}  // namespace selfsup::plugin
