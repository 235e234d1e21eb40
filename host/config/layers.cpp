#include "config/layers.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::config {

bool same_family(std::string_view before, std::string_view now) {
  const auto wrapper = [](std::string_view type) { return type == "OptimWrapper" || type == "AmpOptimWrapper"; };
  return before == now || (wrapper(before) && wrapper(now));
}

Json merge(Json lower, const Json& upper, const std::string& path, Marks marks) {
  const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  if (!lower.is_object() || !upper.is_object()) {
    if (!upper.is_object()) return upper;
    lower = Json::object();
    lower.source = upper.source;
  }
  const Json* before = lower.find("type");
  const Json* now = upper.find("type");
  const bool other_type =
      before && now && before->is_string() && now->is_string() && !same_family(before->as_string(), now->as_string());
  const Json* wipe = upper.find("_delete_");
  if (wipe && !wipe->is_bool())
    throw Error(Exit::usage, fmt::format("{}: {}: expected true or false, found {}", describe(wipe->source),
                                         below("_delete_"), to_text(*wipe)));
  const Json* earlier = lower.find("_delete_");
  const bool wipes = wipe && wipe->as_bool(), marked = marks == Marks::kept && (wipes || earlier);
  if (other_type || wipes) lower.as_object().clear();
  lower.source = upper.source;
  if (marked) lower.set("_delete_", true);
  for (const auto& [key, value] : upper.as_object()) {
    if (key == "_delete_") continue;
    Json* there = lower.find(key);
    Json merged = there || value.is_object()
                      ? merge(there ? std::move(*there) : Json::object(), value, below(key), marks)
                      : value;
    lower.set(key, std::move(merged));
  }
  return lower;
}

const Source& place_to_add(const Json& node, const Source& whole) {
  const std::string& layer = node.source.layer();
  return layer == "plugin" || layer == "default" ? whole : node.source;
}

}  // namespace selfsup::config
