// Slurm's short forms for many machines: lists of names, and counts of tasks. Knows no environment.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selfsup::launch {

// "node[01-03,07],other": "node01"; "a-[1-2]-x": "a-1-x". None if the text is no such list.
std::optional<std::string> first_host(std::string_view list);

// "2(x3),1": 2, 2, 2, 1. None if the text is no such list, or one of more than a million machines.
std::optional<std::vector<int>> tasks_of_nodes(std::string_view list);

}  // namespace selfsup::launch
