#include "run/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "run/fused_path.h"

namespace selfsup::run {
namespace {

constexpr const char* kWithoutInfluence[] = {"work_dir",
                                             "resume",
                                             "load_from",
                                             "plugins",
                                             "probe",
                                             "default_hooks",
                                             "report",
                                             "visualizer",
                                             "device",
                                             "train_dataloader.num_workers",
                                             "train_dataloader.prefetch_factor",
                                             "train_dataloader.max_bad_fraction",
                                             "env_cfg.num_threads",
                                             "env_cfg.fused",
                                             "env_cfg.dist_cfg"};

bool decides(const std::string& key) {
  return std::none_of(std::begin(kWithoutInfluence), std::end(kWithoutInfluence),
                      [&](const std::string& free) { return key == free || key.rfind(free + ".", 0) == 0; });
}

using Leaves = std::map<std::string, std::string>;

void collect(const Json& value, const std::string& path, Leaves& leaves) {
  const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  if (value.is_object() && !value.as_object().empty()) {
    for (const auto& [key, member] : value.as_object()) collect(member, below(key), leaves);
  } else if (value.is_array() && !value.as_array().empty()) {
    size_t i = 0;
    for (const Json& element : value.as_array()) collect(element, below(std::to_string(i++)), leaves);
  } else if (decides(path)) {
    leaves[path] = to_text(value);
  }
}

}  // namespace

std::vector<std::string> changes(const checkpoint::Manifest& before, const checkpoint::Manifest& now) {
  std::vector<std::string> lines;
  const auto compare = [&](const std::string& what, const std::string& old, const std::string& current) {
    if (old != current) lines.push_back(fmt::format("{}: {} -> {}", what, old, current));
  };
  Leaves old, current;
  collect(before.config, "", old);
  collect(now.config, "", current);
  for (const auto& [key, value] : old) compare(key, value, current.contains(key) ? current[key] : "absent");
  for (const auto& [key, value] : current)
    if (!old.contains(key)) compare(key, "absent", value);

  std::map<std::string, std::string> plugins;
  for (const auto& plugin : before.plugins) plugins[plugin.id] = plugin.version + " " + plugin.sha256.substr(0, 12);
  std::map<std::string, std::string> dropped = plugins;
  for (const auto& plugin : now.plugins) dropped.erase(plugin.id);
  for (const auto& [id, plugin] : dropped) compare("plugin " + id, plugin, "absent");
  for (const auto& plugin : now.plugins)
    compare("plugin " + plugin.id, plugins.contains(plugin.id) ? plugins[plugin.id] : "absent",
            plugin.version + " " + plugin.sha256.substr(0, 12));
  compare("threads", std::to_string(before.threads), std::to_string(now.threads));
  compare("world size", std::to_string(before.world), std::to_string(now.world));
  compare("LibTorch", before.libtorch_version, now.libtorch_version);
  compare("selfsup-host", before.host_version, now.host_version);
  const Json* conditions = now.extra.find("facts");
  for (const auto& [name, value] : conditions ? conditions->as_object() : Json::Object()) {
    if (name == fused_key) compare("env_cfg.fused came to", fused_path_of(before), fused_path_of(now));
    const Json* known = before.extra.at_path("facts." + name);
    if (known && name != "num_workers" && name != fused_key) compare(name, to_text(*known), to_text(value));
  }
  return lines;
}

}  // namespace selfsup::run
