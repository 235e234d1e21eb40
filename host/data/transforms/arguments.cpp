#include "data/transforms/arguments.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::data {

void refuse(const Json& spec, const std::string& text) {
  throw Error(Exit::usage, fmt::format("{}: {}: {}", describe(spec.source), spec.get("type").as_string(), text));
}

Size read_size(const Json& spec, std::string_view key, bool width_first) {
  const Json& value = spec.get(key);
  if (!value.is_array()) return {static_cast<int>(value.as_int()), static_cast<int>(value.as_int())};
  const int first = static_cast<int>(value.as_array()[0].as_int());
  const int second = static_cast<int>(value.as_array()[1].as_int());
  return width_first ? Size{second, first} : Size{first, second};
}

std::pair<double, double> read_range(const Json& spec, std::string_view key) {
  const Json::Array& pair = spec.get(key).as_array();
  const double low = pair[0].as_double(), high = pair[1].as_double();
  if (low > high) refuse(spec, fmt::format("\"{}\" is [{}, {}]; expected the lower number first", key, low, high));
  return {low, high};
}

const char* const kInterpolationKeys = R"(
    "interpolation": {"type": "string", "enum": ["nearest", "bilinear", "bicubic"], "default": "bilinear", "description": "as Pillow: antialiased when shrinking"},
    "backend": {"type": "string", "enum": ["pillow"], "default": "pillow", "description": "whose arithmetic is followed"})";

Interpolation read_interpolation(const Json& spec) {
  const std::string& name = spec.get("interpolation").as_string();
  return name == "nearest"    ? Interpolation::nearest
         : name == "bilinear" ? Interpolation::bilinear
                              : Interpolation::bicubic;
}

}  // namespace selfsup::data
