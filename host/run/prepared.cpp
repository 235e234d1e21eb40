#include "run/prepared.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/errors.h"
#include "base/install.h"
#include "base/log.h"
#include "config/files.h"
#include "config/host_schema.h"
#include "config/layers.h"
#include "config/options.h"
#include "config/pretrained.h"
#include "config/schema.h"
#include "plugin/plan.h"
#include "plugin/search.h"
#include "run/component_schemas.h"
#include "run/facts.h"
#include "ssp/entry.h"

namespace selfsup::run {
namespace {

namespace fs = std::filesystem;

bool provides_algorithm(const plugin::Candidate& candidate) {
  if (!candidate.file) return true;  // loading it will say what is wrong
  return plugin::provides(candidate.file->note, {SSP_KIND_ALGORITHM, "*"});
}

// --plugin replaces the configuration's algorithm and keeps its other plugins. Each file once.
std::vector<std::string> plugin_paths(const cli::CommandLine& line, const Json& tree, const plugin::Places& places) {
  std::vector<std::string> paths;
  const auto add = [&paths](const std::string& path) {
    if (std::none_of(paths.begin(), paths.end(), [&](const auto& other) { return plugin::same_file(other, path); }))
      paths.push_back(path);
  };
  for (const std::string& argument : line.plugins)
    add(plugin::find_plugin(argument, places.folders, "--plugin " + argument));
  if (const Json* listed = tree.find("plugins")) {
    size_t index = 0;
    for (const Json& name : listed->as_array()) {
      const std::string asked = fmt::format("{}: plugins.{}", describe(name.source), index++);
      const std::string path = plugin::find_plugin(name.as_string(), places.folders, asked);
      if (line.plugins.empty() || !provides_algorithm(plugin::glance(path, places.unstamped))) add(path);
    }
  }
  if (!paths.empty()) return paths;
  config::throw_if_any(config::unknown_keys(tree, config::host_schema()));  // "plugin" explains it
  throw Error(
      Exit::usage,
      fmt::format("no plugin is named: give --plugin, as in --plugin NAME.so, or \"plugins\" in {}", line.target));
}

// Only a run is made by several processes.
launch::Ranks ranks_of(const cli::CommandLine& line) {
  launch::Ranks ranks = launch::find_ranks(line.ranks, launch::this_environment());
  if (ranks.world > 1 && line.command != cli::Command::train && line.command != cli::Command::config)
    throw Error(Exit::usage,
                fmt::format("only training is done by several processes, and this one is rank {} of {} ({}): start it "
                            "without the launcher, or with --launcher none",
                            ranks.rank, ranks.world, launch::name_of(ranks.launcher)));
  if (ranks.rank != 0) speak_as(fmt::format("rank {}", ranks.rank), Severity::error);
  return ranks;
}

std::string file_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(fs::path(path).filename().string());
  return fmt::format("{}", fmt::join(names, ", "));
}

Error no_algorithm(const std::vector<const plugin::Plugin*>& named, const plugin::Places& places) {
  std::vector<std::string> have, bring;
  for (const plugin::Plugin* plugin : named) have.push_back(plugin->file.path);
  for (const plugin::Candidate& candidate : plugin::scan_folders(places))
    if (candidate.problem.empty() && provides_algorithm(candidate)) bring.push_back(candidate.path);
  return Error(Exit::usage,
               fmt::format("none of the plugins named brings an algorithm ({}); name one that does with --plugin{}",
                           file_names(have), bring.empty() ? "" : fmt::format(": here are {}", file_names(bring))));
}

// model.type, else the only algorithm of the first of the named plugins that brings any.
const plugin::Component& choose_algorithm(const plugin::Registry& registry,
                                          const std::vector<const plugin::Plugin*>& named, const Json& tree,
                                          const plugin::Places& places) {
  const Json* type = tree.at_path("model.type");
  if (type && type->is_string()) {
    try {
      return registry.find(SSP_KIND_ALGORITHM, type->as_string());
    } catch (const Error& error) {
      throw Error(error.exit(), fmt::format("{}: model.type: {}", describe(type->source), error.what()));
    }
  }
  std::vector<std::string> names;
  const plugin::Plugin* owner = nullptr;
  for (const plugin::Plugin* plugin : named) {
    if (!names.empty()) break;
    owner = plugin;
    for (const auto& [kind, name] : plugin->file.note.provides)
      if (kind == SSP_KIND_ALGORITHM) names.push_back(name);
  }
  if (names.size() == 1) return registry.find(SSP_KIND_ALGORITHM, names.front());
  if (names.empty()) throw no_algorithm(named, places);
  throw Error(
      Exit::usage,
      fmt::format("{} brings several algorithms: {}; say which in model.type, as in --cfg-options model.type={}",
                  owner->file.path, fmt::join(names, ", "), names.front()));
}

void report_keys_without_effect(const Json& tree) {
  const std::vector<std::string> keys = config::keys_without_effect(tree);
  if (!keys.empty()) log_info(fmt::format("without effect here: {}", fmt::join(keys, ", ")));
}

bool is_default(const Json& value) { return value.source.layer() == "plugin"; }

// Of the rules for some of the parameters a default gives way to the user's; one that the user has changed is the
// user's. It says so itself, so that the resolved file, in which all are the user's, is the same run.
void let_defaults_yield(Json& tree) {
  const Json* keys = std::as_const(tree).at_path("optim_wrapper.paramwise_cfg.custom_keys");
  if (!keys || !keys->is_object()) return;
  for (auto& [key, rule] : const_cast<Json*>(keys)->as_object())
    if (rule.is_object() && is_default(rule) && !rule.has("yields") &&
        std::ranges::all_of(rule.as_object(), [](const auto& member) { return is_default(member.second); }))
      rule.set("yields", true).source = rule.source;
}

// The resolved file names the plugins that made it, so that it runs by itself, from any folder.
void record_plugins(Json& tree, const cli::CommandLine& line, const std::vector<std::string>& paths) {
  Json names = Json::array();
  for (const std::string& found : paths) {
    const fs::path path = found;
    const bool bare = path.parent_path() == library_folder() + "/plugins";
    names.as_array().push_back(bare ? path.filename().string() : found);
  }
  set_source(names, line.plugins.empty() ? tree.get("plugins").source : Source{"flag", "--plugin", 0, 0});
  tree.set("plugins", std::move(names));
}

}  // namespace

plugin::Places plugin_places(const cli::CommandLine& line) {
  return {plugin::plugin_folders(line.plugin_dirs, library_folder() + "/plugins"), line.unstamped};
}

Json whole(const Json& config) {
  Json marked = Json::object();
  marked.source = config.source;
  marked.set("_delete_", true);
  for (const auto& [key, value] : config.as_object()) marked.set(key, value);
  return marked;
}

std::unique_ptr<Prepared> prepare(const cli::CommandLine& line) {
  return prepare(line, config::load_config(line.target));
}

std::unique_ptr<Prepared> prepare(const cli::CommandLine& line, const Json& file) {
  launch::Ranks ranks = ranks_of(line);
  Json preview = config::merge(Json::object(), file);
  config::apply_options(preview, line.cfg_options, /*lenient=*/true);
  config::throw_if_any(config::wrong_types(preview, config::host_schema()));
  cli::apply_flags(preview, line);

  auto prepared = std::make_unique<Prepared>();
  prepared->ranks = std::move(ranks);
  const plugin::Places places = plugin_places(line);
  prepared->registry = std::make_unique<plugin::Registry>(prepared->host.table(), places);
  const plugin::Registry& registry = *prepared->registry;
  const std::vector<std::string> paths = plugin_paths(line, preview, places);
  const plugin::Component& algorithm = choose_algorithm(registry, registry.load_all(paths), preview, places);
  Json defaults = bridge::algorithm_defaults(algorithm, stated_facts(preview, prepared->ranks));
  set_source(defaults, Source{"plugin", algorithm.plugin->file.note.id, 0, 0});
  // It may stand in `model`, as in MMSelfSup's files; then no default is to stand beside it. The default
  // base_batch_size belongs to the default rate.
  if (preview.at_path("model.data_preprocessor")) defaults.erase("data_preprocessor");
  if (preview.at_path("optim_wrapper.optimizer.lr")) defaults.erase("auto_scale_lr");
  Json tree = config::merge(std::move(defaults), file);
  config::apply_options(tree, line.cfg_options, /*lenient=*/false);
  cli::apply_flags(tree, line);
  if (!tree.at_path("model.type"))
    config::set_by_path(tree, "model.type", algorithm.name, Source{"plugin", algorithm.plugin->file.note.id, 0, 0});

  let_defaults_yield(tree);
  const config::InitCfgs pretrained = config::set_aside_pretrained(*tree.find("model"));
  config::throw_if_any(config::validate(tree, config::host_schema(), "", component_schemas(registry)));
  config::put_back(*tree.find("model"), pretrained);
  record_plugins(tree, line, paths);
  report_keys_without_effect(tree);
  prepared->config = std::move(tree);
  return prepared;
}

}  // namespace selfsup::run
