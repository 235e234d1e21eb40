// What a failure is for who started the program: a message and an exit code. Knows no command.
#pragma once
#include <functional>

namespace selfsup::run {

// The body's exit code. What it throws is said, and ends the process with the code that it stands for: at once, since
// what LibTorch does on the way out takes up to seconds. Until then nobody knows the code: other ranks would end for
// this one's error meanwhile, and a launcher take one of theirs for the culprit.
int run_or_fail(const std::function<int()>& body);

}  // namespace selfsup::run
