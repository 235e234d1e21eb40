// Checks a configuration against schemas, in one small frozen dialect. Knows no key of its own.
//
// The dialect: type (a name or a list of names: null boolean integer number string array object), enum, minimum,
// maximum, exclusiveMinimum, items, minItems, maxItems, properties, required, default, description, and
//   x-ssp-component  kind of a nested component: its own schema, found by the object's `type`, checks the object
//                    (which may name the type again, to say which names it takes)
//   x-ssp-claims     {key: schema}: keys inside that object that the outer component takes
//   x-ssp-each       schema of every member of an object whose keys are free (the host's own; plugins do without)
//   x-ssp-idle       true: the key is accepted and changes nothing (the host's own)
// An object schema with `properties` refuses every other key; one without is free-form. A whole number may stand for a
// number; nothing else is converted. A number that no float holds is refused: tensors are computed with it.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace selfsup::config {

// find: the schema of a component, or null when there is none of that name. names: all of the kind, for suggestions.
// remedy: what could be done about one that find does not know, "; …" or ""; may be empty itself.
struct ComponentSchemas {
  std::function<const Json*(std::string_view kind, std::string_view type)> find;
  std::function<std::vector<std::string>(std::string_view kind)> names;
  std::function<std::string(std::string_view kind, std::string_view type)> remedy = {};
};

struct Problem {
  Source source;
  std::string path, text;
};

// Checks `value` and fills in defaults (their layer is "default"), and stops soon after there are more problems than
// throw_if_any shows. path: the dotted key of `value`, "" for the whole.
std::vector<Problem> validate(Json& value, const Json& schema, const std::string& path,
                              const ComponentSchemas& components);

// What can be said of a configuration before its components are known: keys of its top level that the schema has not;
// values there of another type.
std::vector<Problem> unknown_keys(const Json& value, const Json& schema);
std::vector<Problem> wrong_types(const Json& value, const Json& schema);

// Error(usage) with every problem on a line of its own, "FILE:LINE:COLUMN: key.path: expected …, found …"; none:
// nothing.
void throw_if_any(const std::vector<Problem>& problems);

// The schema text of a component, checked to be of the dialect. Error(plugin) names the owner.
Json parse_schema(std::string_view text, const std::string& owner);

}  // namespace selfsup::config
