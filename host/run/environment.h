// What this process computes with: versions, processor, kernels. Knows no configuration.
#pragma once
#include <string>

#include "base/json.h"
#include "launch/ranks.h"

namespace selfsup::run {

// What decides, beside versions and threads, whether the same operations give the same bits: {"processor",
// "cpu_capability", "mkl_kernels"}.
Json machine();

// Versions, processor, threads, LibTorch: the text of `env`, and the head of every run.log.
std::string environment_text();

// Which rank this process is and where it meets the others, a line each with where that is said: of `env`, and of the
// head of the run.log of several ranks.
std::string ranks_text(const launch::Ranks& ranks, const launch::Meeting& meeting);

}  // namespace selfsup::run
