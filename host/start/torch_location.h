// Finds a LibTorch that fits this build, and opens it and the core at run time. Knows no LibTorch header, and no
// command.
#pragma once
#include <string>

#include "cli/command_line.h"

namespace selfsup {

struct TorchLocation {
  std::string folder;   // `torch` of an unpacked wheel, absolute
  std::string version;  // "2.11.0+cu130"
  std::string how;      // where it was found, for messages
};

// SELFSUP_TORCH_DIR (which then must fit), the folder recorded when this was configured, a torch that python3 can
// import. It fits if its major.minor is the one that the core was built with: the C++ API of LibTorch changes between
// them. None fits: Error(failed) that lists what was tried and what to do.
TorchLocation find_torch();

// Opens libc10.so and libtorch_cpu.so of `location`, then the core beside this executable, which does what the line
// says. Returns the core's exit code.
int run_core(const TorchLocation& location, const cli::CommandLine& line);

}  // namespace selfsup
