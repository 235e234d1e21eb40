// What every command that needs plugins starts from: plugins loaded, configuration resolved and valid. Touches no
// device and no data file but small headers.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "bridge/host.h"
#include "cli/command_line.h"
#include "launch/ranks.h"
#include "plugin/registry.h"

namespace selfsup::run {

struct Prepared {
  launch::Ranks ranks;
  bridge::Host host;  // outlives the registry
  std::unique_ptr<plugin::Registry> registry;
  Json config;  // the whole tree, defaults filled in
};

// Where plugins are looked for, by these words.
plugin::Places plugin_places(const cli::CommandLine& line);

// Error with the exit code that fits: usage, plugin. file: the configuration itself, where it is not that of the
// target.
std::unique_ptr<Prepared> prepare(const cli::CommandLine& line);
std::unique_ptr<Prepared> prepare(const cli::CommandLine& line, const Json& file);

// A resolved configuration as a file that is read again: nothing comes beneath it, so that no default of the plugin
// takes the place of a key that was left out on purpose.
Json whole(const Json& config);

}  // namespace selfsup::run
