// Arguments that several transforms have, as their specifications give them. Knows no transform.
#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "data/edits/edit.h"

namespace selfsup::data {

// Error(usage) with the place and the transform's name.
[[noreturn]] void refuse(const Json& spec, const std::string& text);

struct Size {
  int height, width;
};
// One number for a square, or two; mmcv writes some sizes width first.
Size read_size(const Json& spec, std::string_view key, bool width_first);

std::pair<double, double> read_range(const Json& spec, std::string_view key);  // low <= high

// The keys of the schema, and what they say.
extern const char* const kInterpolationKeys;
Interpolation read_interpolation(const Json& spec);

inline Box whole(const ImageShape& shape) { return {0, 0, shape.height, shape.width}; }

}  // namespace selfsup::data
