// What the control groups of this process allow it. Knows no resource by name.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace selfsup::config {

// The limit that one group's folder sets; 0: none.
using GroupLimit = int64_t (*)(const std::filesystem::path& folder);

// The least that the process's own group and those above it set, in the first version of control groups that sets any;
// 0: none. controller: its name in version 1, "cpu" or "memory". root: the folder that holds proc and sys.
int64_t least_limit(const std::string& root, std::string_view controller, GroupLimit version_1, GroupLimit version_2);

}  // namespace selfsup::config
