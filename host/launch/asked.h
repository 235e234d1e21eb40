// What the command line asks of a launcher, checked in itself. Knows no environment.
#pragma once
#include <string>

#include "launch/ranks.h"

namespace selfsup::launch {

// Not of "auto". Error(usage) for a name that is none.
Launcher launcher_named(const std::string& name);

// Refuses with Error(usage) flags of --launcher local beside another launcher, and numbers out of range.
void check_flags(const Asked& asked, Launcher launcher);

}  // namespace selfsup::launch
