#include "run/commands.h"

#include <fmt/format.h>

#include <csignal>
#include <memory>

#include "base/errors.h"
#include "base/log.h"
#include "cli/output.h"
#include "config/host_schema.h"
#include "device/device.h"
#include "plugin/search.h"
#include "plugin/surroundings.h"
#include "run/component_schemas.h"
#include "run/environment.h"
#include "run/prepared.h"
#include "run/sources.h"
#include "run/train.h"

namespace selfsup::run {

int env_command(const cli::CommandLine& line) {
  device::set_threads(0, 1);  // as a run without env_cfg.num_threads does
  const launch::Environment environment = launch::this_environment();
  const launch::Ranks ranks = launch::find_ranks(line.ranks, environment);
  const launch::Meeting meeting = launch::find_meeting(ranks, line.ranks, {}, environment);
  print_out(environment_text() + "\n" + ranks_text(ranks, meeting) + "\n");
  return 0;
}

int train_command(const cli::CommandLine& line) {
  // A run whose terminal or log reader has gone, as in `… | head`, trains on.
  std::signal(SIGPIPE, SIG_IGN);
  plugin::remember_surroundings();
  return static_cast<int>(train(line));
}

int validate_command(const cli::CommandLine& line) {
  const std::unique_ptr<Prepared> prepared = prepare(line);
  const double loss = first_loss(*prepared, line);
  log_info(fmt::format("{} is valid; loss of the first batch: {:.4f}", line.target, loss));
  return 0;
}

int config_command(const cli::CommandLine& line) {
  const std::unique_ptr<Prepared> prepared = prepare(line);
  print_out((line.sources ? sources_text(prepared->config) : to_text(whole(prepared->config), 2)) + "\n");
  return 0;
}

int schema_command(const cli::CommandLine& line) {
  const bridge::Host host;
  const plugin::Places places = plugin_places(line);
  const plugin::Registry registry(host.table(), places);
  const config::ComponentSchemas schemas = component_schemas(registry);
  Json all = Json::object();
  const auto add = [&](const std::string& kind, const std::string& name, const std::string& owner) {
    all.set(fmt::format("{}:{}", kind, name), *schemas.find(kind, owner + name));
  };
  if (line.target.empty()) {
    all.set("host", config::host_schema());
    for (const char* kind : {"optimizer", "scheduler", "dataset", "transform"})
      for (const std::string& name : schemas.names(kind)) add(kind, name, "");
  } else {
    const plugin::Plugin& plugin =
        registry.load(plugin::find_plugin(line.target, places.folders, "inspect " + line.target));
    for (const auto& [kind, name] : plugin.file.note.provides) add(kind, name, plugin.file.note.id + ":");
  }
  print_out(to_text(all, 2) + "\n");
  return 0;
}

}  // namespace selfsup::run
