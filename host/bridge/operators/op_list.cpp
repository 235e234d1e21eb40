#include "bridge/operators/op_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"

extern const char selfsup_op_list_text[];

namespace selfsup::bridge {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool flag(std::string_view word, std::string_view key, const std::string& line) {
  if (word == std::string(key) + "=yes") return true;
  if (word == std::string(key) + "=no") return false;
  throw Error(Exit::failed, fmt::format("list of operators: expected {}=yes or {}=no in \"{}\"", key, key, line));
}

ListedOp parse_line(const std::string& line) {
  const size_t open = line.find('('), close = line.find(')');
  if (line.rfind("aten::", 0) != 0 || open == std::string::npos || close == std::string::npos || close < open) {
    throw Error(Exit::failed,
                fmt::format("list of operators: expected aten::name[.overload](arguments), found \"{}\"", line));
  }
  ListedOp op;
  const std::string name = line.substr(0, open);
  const size_t dot = name.find('.');
  op.name = name.substr(0, dot);
  if (dot != std::string::npos) op.overload = name.substr(dot + 1);
  op.arguments = split(std::string_view(line).substr(open + 1, close - open - 1), ',');
  std::vector<std::string> words = split(std::string_view(line).substr(std::min(close + 2, line.size())), ' ');
  if (words.size() != 3 || (words[0] != "kept" && words[0] != "offered"))
    throw Error(Exit::failed,
                fmt::format("list of operators: expected kept or offered, and two flags, in \"{}\"", line));
  op.kept = words[0] == "kept";
  op.backward = flag(words[1], "backward", line);
  op.bf16 = flag(words[2], "bf16", line);
  return op;
}

struct Index {
  std::vector<ListedOp> ops = parse_op_list(selfsup_op_list_text);
  std::unordered_map<std::string, const ListedOp*> by_name;
  Index() {
    for (const ListedOp& op : ops) by_name.emplace(full_name(op.name, op.overload), &op);
  }
};

const Index& index() {
  static const Index it;
  return it;
}

}  // namespace

bool ListedOp::accepts(std::string_view argument) const {
  return std::find(arguments.begin(), arguments.end(), argument) != arguments.end();
}

std::string full_name(std::string_view name, std::string_view overload) {
  return overload.empty() ? std::string(name) : fmt::format("{}.{}", name, overload);
}

std::vector<ListedOp> parse_op_list(std::string_view text) {
  std::vector<ListedOp> ops;
  std::unordered_map<std::string, int> seen;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    ops.push_back(parse_line(line));
    if (seen[full_name(ops.back().name, ops.back().overload)]++) {
      throw Error(Exit::failed, fmt::format("list of operators: \"{}\" comes twice", line));
    }
  }
  return ops;
}

const std::vector<ListedOp>& op_list() { return index().ops; }

const ListedOp* find_listed(std::string_view full_name) {
  const auto it = index().by_name.find(std::string(full_name));
  return it == index().by_name.end() ? nullptr : it->second;
}

}  // namespace selfsup::bridge
