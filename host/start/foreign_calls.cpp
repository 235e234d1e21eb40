// What libraries call to end the process, or to take it to another folder, comes here first, since a program's symbols
// win over libc's: the core, once it runs, decides whether they may. The program itself returns from main, which libc
// follows without a symbol.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#define SELFSUP_EXPORTED extern "C" __attribute__((visibility("default")))

// Set by the core; called with the name of the function, the status, and where the caller is. It returns if they may.
SELFSUP_EXPORTED void (*selfsup_exit_hook)(const char*, int, const void*);
void (*selfsup_exit_hook)(const char*, int, const void*) = nullptr;
// Likewise; true if they may.
SELFSUP_EXPORTED bool (*selfsup_folder_hook)(const char*, const void*);
bool (*selfsup_folder_hook)(const char*, const void*) = nullptr;

namespace {

[[noreturn]] void leave(const char* name, int status, const void* caller) {
  if (selfsup_exit_hook) selfsup_exit_hook(name, status, caller);
  if (auto* libc = reinterpret_cast<void (*)(int)>(::dlsym(RTLD_NEXT, name))) libc(status);
  ::syscall(SYS_exit_group, status);
  __builtin_unreachable();
}

bool may_move(const char* name, const void* caller) {
  if (!selfsup_folder_hook || selfsup_folder_hook(name, caller)) return true;
  errno = EPERM;
  return false;
}

}  // namespace

SELFSUP_EXPORTED void exit(int status) noexcept { leave("exit", status, __builtin_return_address(0)); }
SELFSUP_EXPORTED void quick_exit(int status) noexcept { leave("quick_exit", status, __builtin_return_address(0)); }
SELFSUP_EXPORTED void _exit(int status) { leave("_exit", status, __builtin_return_address(0)); }
SELFSUP_EXPORTED void _Exit(int status) noexcept { leave("_Exit", status, __builtin_return_address(0)); }

SELFSUP_EXPORTED int chdir(const char* path) noexcept {
  return may_move("chdir", __builtin_return_address(0)) ? static_cast<int>(::syscall(SYS_chdir, path)) : -1;
}
SELFSUP_EXPORTED int fchdir(int folder) noexcept {
  return may_move("fchdir", __builtin_return_address(0)) ? static_cast<int>(::syscall(SYS_fchdir, folder)) : -1;
}
