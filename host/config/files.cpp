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
constexpr size_t kMaxFiles = 64;  // as often as they are named: 16 of which each names the next one twice are 65,535

std::string identity(const fs::path& path) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  return failed ? path.lexically_normal().string() : real.string();
}

// The paths that _base_ names; takes the key out.
std::vector<Json> take_bases(Json& own) {
  const Json* named = own.find("_base_");
  if (!named) return {};
  std::vector<Json> bases = named->is_array() ? named->as_array() : std::vector<Json>{*named};
  for (const Json& base : bases)
    if (!base.is_string() || base.as_string().empty())
      throw Error(Exit::usage, fmt::format("{}: _base_: expected a path or a list of paths, found {}",
                                           describe(base.source), to_text(base)));
  own.erase("_base_");
  return bases;
}

// What MMEngine reads beside JSON: users of MMSelfSup type the paths that they know.
constexpr std::string_view kOtherKinds[] = {".py", ".yaml", ".yml"};

std::string instead_of(fs::path path) {
  const std::string other = path.string();
  path.replace_extension(".json");
  std::error_code failed;
  if (fs::exists(path, failed))
    return fmt::format("{}: configurations are JSON files here; the one of this name is {}", other, path.string());
  return fmt::format("{}: configurations are JSON files here; scripts/mmselfsup_config.py {} {} makes one of it", other,
                     other, path.string());
}

// The files of one configuration.
struct Files {
  std::vector<std::string> chain;  // those that are being read, each the base of the one before
  size_t read = 0;
};

// named: the value of _base_ that leads here; null: the command line does.
Json load(const fs::path& path, const Json* named, Files& files) {
  std::vector<std::string>& chain = files.chain;
  const auto refuse = [&](const std::string& text) {
    throw Error(Exit::usage, (named ? describe(named->source) + ": _base_: " : "") + text);
  };
  if (std::ranges::find(kOtherKinds, path.extension().string()) != std::end(kOtherKinds)) refuse(instead_of(path));
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (!fs::exists(status)) refuse(fmt::format("there is no configuration file {}", path.string()));
  if (!fs::is_regular_file(status))
    refuse(fmt::format(
        "{} is not a regular file{}", path.string(),
        fs::is_directory(status) ? "; it is a folder" : ", from which alone a configuration is read; write it to one"));
  const std::string id = identity(path);
  if (std::find(chain.begin(), chain.end(), id) != chain.end())
    refuse(fmt::format("it goes in a circle: {} -> {}", fmt::join(chain, " -> "), id));
  if (chain.size() >= kMaxDepth)
    refuse(fmt::format("it is nested more than {} files deep: {}", kMaxDepth, fmt::join(chain, " -> ")));
  if (++files.read > kMaxFiles) refuse(fmt::format("the configuration reads more than {} files", kMaxFiles));

  Json own = read_json_file(path.string(), named ? "base" : "file", kLimits);
  if (!own.is_object())
    throw Error(Exit::usage, fmt::format("{}: expected an object, the configuration", describe(own.source)));
  const std::vector<Json> bases = take_bases(own);
  chain.push_back(id);
  Json merged = Json::object();
  for (const Json& base : bases)
    merged = merge(std::move(merged), load(path.parent_path() / base.as_string(), &base, files), "", Marks::kept);
  chain.pop_back();
  return merge(std::move(merged), own, "", Marks::kept);
}

}  // namespace

Json load_config(const std::string& path) {
  Files files;
  return load(path, nullptr, files);
}

}  // namespace selfsup::config
