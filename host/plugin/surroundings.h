// What a process has but one of, and the code of plugins may change behind the host's back: the working folder, the
// mask of new files' modes, and signals: which the training thread hears, and what they do. Knows no LibTorch.
#pragma once

namespace selfsup::plugin {

// As they are now they are to stay. By the thread that trains, before any plugin is loaded, and when the host has
// changed what signals do. From the first call on a plugin's chdir fails with EPERM, so that not even the threads that
// read images meanwhile find themselves elsewhere; restore_surroundings() is for what goes past libc.
void remember_surroundings();

// Puts back what has been changed since, and warns of each kind once. Some ten system calls: where plugins have been
// loaded, and at log lines, events and saves, not in every step. By the same thread; nothing before the first
// remember_surroundings().
void restore_surroundings();

}  // namespace selfsup::plugin
