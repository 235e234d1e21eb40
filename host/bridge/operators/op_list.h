// The closed list of operators that the SDK promises (sdk/ops-1.txt), embedded at build time. Knows no LibTorch.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace selfsup::bridge {

// One line of the list.
struct ListedOp {
  std::string name, overload;  // "aten::add", "Tensor"
  std::vector<std::string> arguments;
  bool kept = false;  // promised for the major, not only offered
  bool backward = false, bf16 = false;
  bool accepts(std::string_view argument) const;
};

// "aten::add.Tensor"
std::string full_name(std::string_view name, std::string_view overload);

// Error(failed) that names the line, if a line is malformed or an operator comes twice.
std::vector<ListedOp> parse_op_list(std::string_view text);

// The embedded list, in its order; parsed once.
const std::vector<ListedOp>& op_list();
const ListedOp* find_listed(std::string_view full_name);

}  // namespace selfsup::bridge
