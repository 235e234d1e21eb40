// Keeps the end of the process the host's: a plugin, or a library in it, that calls exit is a failed run, with one line
// that names it. Knows no run and no LibTorch.
#pragma once

namespace selfsup::plugin {

// From here on whoever else ends the process, from any thread, by exit, quick_exit and, in the program, _exit, is told
// of on standard error, and the status is Exit::plugin inside a plugin until first_step_is_through(), else
// Exit::failed. A forked child may end as it likes. Call once, from run().
void guard_ending();

void first_step_is_through();

// The host is done: returns the status, which nothing that runs on the way out may change.
int host_ends_with(int status);

// Ends the process at once, as _exit does; may be called in a signal handler.
[[noreturn]] void end_now(int status) noexcept;

}  // namespace selfsup::plugin
