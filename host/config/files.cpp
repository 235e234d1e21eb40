#include "config/files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/errors.h"
#include "config/layers.h"

namespace selfsup::config {
namespace {

namespace fs = std::filesystem;
constexpr size_t kMaxDepth = 16;

std::string identity(const fs::path& path) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  return failed ? path.lexically_normal().string() : real.string();
}

Json load(const fs::path& path, std::vector<std::string>& chain) {
  std::error_code failed;
  const std::string via = chain.empty() ? "" : fmt::format(", named by _base_ in {}", chain.back());
  const fs::file_status status = fs::status(path, failed);
  if (!fs::exists(status))
    throw Error(Exit::usage, fmt::format("there is no configuration file {}{}", path.string(), via));
  if (!fs::is_regular_file(status))
    throw Error(Exit::usage, fmt::format("{} is not a regular file{}", path.string(), via));
  const std::string id = identity(path);
  if (std::find(chain.begin(), chain.end(), id) != chain.end())
    throw Error(Exit::usage, fmt::format("_base_ goes in a circle: {} -> {}", fmt::join(chain, " -> "), id));
  if (chain.size() >= kMaxDepth)
    throw Error(Exit::usage,
                fmt::format("_base_ is nested more than {} files deep: {}", kMaxDepth, fmt::join(chain, " -> ")));

  Json own = read_json_file(path.string(), chain.empty() ? "file" : "base");
  if (!own.is_object())
    throw Error(Exit::usage, fmt::format("{}: expected an object, the configuration", describe(own.origin)));
  std::vector<fs::path> bases;
  if (const Json* base = own.find("_base_")) {
    const auto add = [&](const Json& name) {
      if (!name.is_string())
        throw Error(Exit::usage, fmt::format("{}: _base_: expected a path or a list of paths", describe(name.origin)));
      bases.push_back(path.parent_path() / name.as_string());
    };
    if (base->is_array()) {
      for (const Json& name : base->as_array()) add(name);
    } else {
      add(*base);
    }
  }
  own.erase("_base_");
  chain.push_back(id);
  Json merged = Json::object();
  for (const fs::path& base : bases) merged = merge(std::move(merged), load(base, chain));
  chain.pop_back();
  return merge(std::move(merged), own);
}

}  // namespace

Json load_config(const std::string& path) {
  std::vector<std::string> chain;
  return load(path, chain);
}

}  // namespace selfsup::config
