// Specifications as a run has them.
#pragma once
#include <string>
#include <utility>

#include "base/json.h"
#include "base/registry.h"
#include "config/schema.h"

namespace selfsup::test {

// Checked against the schema of its type, with defaults filled in. Error(usage) as a configuration's.
template <class Type>
Json resolved(const Registry<Type>& types, Json spec, std::string_view without_type = "") {
  const Type& type = types.get(spec.get_string("type", without_type));
  config::throw_if_any(config::validate(spec, type.schema, "", {}));
  return spec;
}

// One of them, a list, or null.
template <class Type>
Json resolved_list(const Registry<Type>& types, Json specs) {
  if (specs.is_object()) return resolved(types, std::move(specs));
  if (specs.is_array())
    for (Json& one : specs.as_array()) one = resolved(types, std::move(one));
  return specs;
}

}  // namespace selfsup::test
