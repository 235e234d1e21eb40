// The core's one entry: runs the command of the line that the thin executable has read, returns the exit code.
#include "cli/command_line.h"
#include "plugin/crossing.h"
#include "plugin/ending.h"
#include "plugin/surroundings.h"
#include "run/commands.h"
#include "run/failure.h"

namespace selfsup {
namespace {

int dispatch(const cli::CommandLine& line) {
  using cli::Command;
  switch (line.command) {
    case Command::train:
      return run::train_command(line);
    case Command::validate:
      return run::validate_command(line);
    case Command::config:
      return run::config_command(line);
    case Command::inspect:
      return run::schema_command(line);
    case Command::views:
      return run::views_command(line);
    case Command::benchmark:
      return run::benchmark_command(line);
    case Command::reconstruct:
      return run::reconstruct_command(line);
    case Command::knn:
      return run::knn_command(line);
    case Command::probe:
      return run::probe_command(line);
    case Command::embed:
      return run::embed_command(line);
    case Command::export_weights:
      return run::export_command(line);
    case Command::env:
      return run::env_command(line);
    case Command::list:
    case Command::stamp:
    case Command::help:
    case Command::version:
      break;  // the thin executable has answered
  }
  return 0;
}

}  // namespace
}  // namespace selfsup

// Both sides are of one build: they share the layout of the line.
extern "C" __attribute__((visibility("default"))) int selfsup_run(const selfsup::cli::CommandLine& line) {
  using namespace selfsup;
  plugin::install_crash_handlers();
  plugin::guard_ending();
  plugin::remember_surroundings();
  return plugin::host_ends_with(run::run_or_fail([&] { return dispatch(line); }));
}
