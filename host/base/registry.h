// The built-in types of one kind (of datasets, of transforms, …), found by name. Knows no kind.
#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.h"

namespace selfsup {

// Type is a struct with `names`, a list of what a specification may call it, and whatever else its kind needs: a
// schema, a function that makes one. A type is one file, which defines a function that returns the struct, and its name
// in the kind's types.cpp. (No type registers itself: the linker leaves out objects of a static library that nobody
// names.)
template <class Type>
class Registry {
 public:
  explicit Registry(std::vector<Type> types) : types_(std::move(types)) {}

  const Type* find(std::string_view name) const {  // null: there is none
    for (const Type& type : types_)
      if (std::ranges::find(type.names, name) != type.names.end()) return &type;
    return nullptr;
  }
  const Type& get(std::string_view name) const {
    if (const Type* type = find(name)) return *type;
    throw Error(Exit::usage, fmt::format("there is no type '{}'; there are {}", name, fmt::join(names(), ", ")));
  }
  std::vector<std::string> names() const {  // of all types, in their order
    std::vector<std::string> names;
    for (const Type& type : types_) names.insert(names.end(), type.names.begin(), type.names.end());
    return names;
  }
  auto begin() const { return types_.begin(); }
  auto end() const { return types_.end(); }

 private:
  std::vector<Type> types_;
};

}  // namespace selfsup
