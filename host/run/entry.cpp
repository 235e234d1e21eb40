// The core's one entry: runs the command of the line that the thin executable has read, returns the exit code.
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "base/errors.h"
#include "base/log.h"
#include "cli/command_line.h"
#include "plugin/crossing.h"
#include "plugin/ending.h"
#include "plugin/surroundings.h"
#include "run/commands.h"

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

// What LibTorch does on the way out takes up to seconds. Until this process has ended, nobody knows its exit code:
// other ranks would end for its error meanwhile, and a launcher take one of theirs for the culprit.
[[noreturn]] void fail(Exit exit, const std::string& text) {
  log_error(text);
  std::fflush(nullptr);
  plugin::end_now(static_cast<int>(exit));
}

int run_or_fail(const cli::CommandLine& line) {
  try {
    return dispatch(line);
  } catch (const Error& error) {
    fail(error.exit(), error.what());
  } catch (const c10::Error& error) {
    fail(Exit::failed, fmt::format("LibTorch: {}", error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    fail(Exit::failed, "out of memory");
  } catch (const std::exception& error) {
    fail(Exit::failed, error.what());
  } catch (...) {
    fail(Exit::failed, "an exception of a type unknown here");
  }
}

}  // namespace
}  // namespace selfsup

// Both sides are of one build: they share the layout of the line.
extern "C" __attribute__((visibility("default"))) int selfsup_run(const selfsup::cli::CommandLine& line) {
  using namespace selfsup;
  plugin::install_crash_handlers();
  plugin::guard_ending();
  plugin::remember_surroundings();
  return plugin::host_ends_with(run_or_fail(line));
}
