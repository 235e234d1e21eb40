// The command by which this process was started. Knows nothing of its meaning.
#pragma once
#include <string>

namespace selfsup::run {

// In one line, as a shell takes it; "" where the system does not tell.
std::string command_text();

}  // namespace selfsup::run
