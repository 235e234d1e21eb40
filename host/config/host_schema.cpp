#include "config/host_schema.h"

#include "config/host_schema_text.h"
#include "config/schema.h"

namespace selfsup::config {
namespace {

std::string with_preprocessor(std::string text) {
  static constexpr std::string_view mark = "@PREPROCESSOR@";
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
    text.replace(at, mark.size(), kDataPreprocessor);
  return text;
}

void collect_idle(const Json& config, const Json& schema, const std::string& path, std::vector<std::string>& found) {
  if (const Json* properties = schema.find("properties"))
    for (const auto& [key, inner] : properties->as_object()) {
      const Json* value = config.find(key);
      if (!value) continue;
      const std::string below = path.empty() ? key : path + "." + key;
      if (inner.get_bool("x-ssp-idle", false)) {
        found.push_back(below);
      } else {
        collect_idle(*value, inner, below, found);
      }
    }
}

}  // namespace

const Json& host_schema() {
  static const Json schema = parse_schema(with_preprocessor(kHostTop), "the host");
  return schema;
}

std::vector<std::string> keys_without_effect(const Json& config) {
  std::vector<std::string> found;
  collect_idle(config, host_schema(), "", found);
  return found;
}

}  // namespace selfsup::config
