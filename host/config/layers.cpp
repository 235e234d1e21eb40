#include "config/layers.h"

namespace selfsup::config {

bool same_family(std::string_view before, std::string_view now) {
  const auto wrapper = [](std::string_view type) { return type == "OptimWrapper" || type == "AmpOptimWrapper"; };
  return before == now || (wrapper(before) && wrapper(now));
}

Json merge(Json lower, const Json& upper) {
  if (!lower.is_object() || !upper.is_object()) {
    if (!upper.is_object()) return upper;
    lower = Json::object();
    lower.origin = upper.origin;
  }
  const Json* before = lower.find("type");
  const Json* now = upper.find("type");
  const bool other_type =
      before && now && before->is_string() && now->is_string() && !same_family(before->as_string(), now->as_string());
  if (other_type || upper.get_bool("_delete_", false)) lower.as_object().clear();
  lower.origin = upper.origin;
  for (const auto& [key, value] : upper.as_object()) {
    if (key == "_delete_") continue;
    Json* below = lower.find(key);
    Json merged = below ? merge(std::move(*below), value) : value.is_object() ? merge(Json::object(), value) : value;
    lower.set(key, std::move(merged));
  }
  return lower;
}

}  // namespace selfsup::config
