// The grammar of --cfg-options. Knows no key.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace selfsup::config {

// The value of one option, as MMEngine's DictAction reads it: int, float, true/false in any case, None, lists in
// [..] or (..) or by bare commas, else a string. Beyond it (docs/cfg-options.md): JSON objects and lists, and quotes
// that keep a string a string. Error(usage), which begins with `source`, for an unbalanced bracket or quote.
Json parse_option_value(std::string_view text, const std::string& source = "--cfg-options");

// True for a word of the form KEY=VALUE.
bool is_option(std::string_view word);

// Sets a.b.0.c=VALUE in the tree. A numeric part indexes a list that is there (else: Error(usage)); other parts are
// made where missing. Setting `type` to another type drops what lower layers put beside it. lenient: an option that
// does not fit the tree yet (its list is in a layer to come) is passed over.
void apply_options(Json& tree, const std::vector<std::string>& options, bool lenient);

// Sets one value by its dotted key, as above.
void set_by_path(Json& tree, std::string_view dotted, Json value, const Source& source);

}  // namespace selfsup::config
