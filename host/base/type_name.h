// What a configuration writes as `type`: "Name", or "owner:Name" where several have one name. Knows no kind.
#pragma once
#include <string_view>

namespace selfsup {

// The owner of what the host has itself; every other one is a plugin's id.
constexpr std::string_view kBuiltIn = "builtin";

struct TypeName {
  std::string_view owner, name;  // owner "": whoever has it
};

inline TypeName split_type(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == text.npos) return {"", text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace selfsup
