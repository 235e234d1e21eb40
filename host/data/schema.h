// The built-in types of transforms, and the JSON schemas of their specifications. Knows no values.
#pragma once
#include <span>
#include <string_view>

namespace selfsup::data {

// Every name that "type" may have.
std::span<const std::string_view> transform_types();

// The schema of {"type": type, …} in the dialect of the configuration; empty for an unknown type.
std::string_view transform_schema(std::string_view type);

}  // namespace selfsup::data
