// Configuration files and those that they build on. Knows no key but "_base_".
#pragma once
#include <string>

#include "base/json.h"

namespace selfsup::config {

// More than anybody writes: looking at all of it takes no time that is noticed.
inline constexpr JsonLimits kLimits{.max_bytes = 1u << 20, .max_members = 1000, .max_key_bytes = 1000};

// The file merged over its `_base_` (a path or a list of paths, relative to the file; later ones lie over earlier
// ones), with its "_delete_" marks, for the defaults that it is laid over. Values carry the layer "base" or "file". A
// cycle, a missing file, a Python or YAML file, a chain deeper than 16, or more than 64 files is Error(usage) that
// names the place.
Json load_config(const std::string& path);

}  // namespace selfsup::config
