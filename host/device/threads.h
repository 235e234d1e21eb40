// How many cores this process may use. Knows no tensor.
#pragma once
#include <string>

namespace selfsup::device {

// Cores by affinity, and by the cgroup's CPU quota rounded up; at least 1.
int allowed_cores();

// The quota of a cgroup v2 `cpu.max` text ("200000 100000", "max 100000") in cores; 0: none.
double quota_cores(const std::string& cpu_max);

}  // namespace selfsup::device
