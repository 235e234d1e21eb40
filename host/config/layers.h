// How one layer of the configuration lies over another. Knows no file and no key but "type" and "_delete_".
#pragma once
#include <string>
#include <string_view>

#include "base/json.h"

namespace selfsup::config {

// Objects merge, everything else replaces. Where `upper` changes the `type` of an object, what lies below beside that
// type is dropped, so that the keys of a default optimizer never meet another one; "_delete_": true drops it in any
// case. Origins stay with the values. path: the dotted key of both, for errors. marks: whether the result still says
// "_delete_" where one of both did, for what will lie below it in turn.
enum class Marks { taken_out, kept };
Json merge(Json lower, const Json& upper, const std::string& path = "", Marks marks = Marks::taken_out);

// Whether an object of type `now` understands the keys of one of type `before`: the same type, or the pair of
// optimizer wrappers, which differ in precision only.
bool same_family(std::string_view before, std::string_view now);

// Where a member that `node` lacks is missing: where the user wrote the node, or if only a plugin did, at `whole`, the
// source of the whole configuration.
const Source& place_to_add(const Json& node, const Source& whole);

}  // namespace selfsup::config
