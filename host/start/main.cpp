// The thin executable: answers what needs no LibTorch, and hands everything else to the core.
#include <csignal>
#include <exception>
#include <sstream>

#include "base/errors.h"
#include "base/install.h"
#include "base/log.h"
#include "cli/command_line.h"
#include "cli/output.h"
#include "cli/plugin_listing.h"
#include "plugin/note.h"
#include "plugin/search.h"
#include "start/descriptors.h"
#include "start/local_ranks.h"
#include "start/torch_location.h"

namespace {

using selfsup::cli::Command;
using selfsup::cli::CommandLine;

int dispatch(const CommandLine& line) {
  const auto places = [&]() -> selfsup::plugin::Places {
    return {selfsup::plugin::plugin_folders(line.plugin_dirs, selfsup::library_folder() + "/plugins"), line.unstamped};
  };
  std::ostringstream out;
  switch (line.command) {
    case Command::help:
      out << selfsup::cli::help_text();
      break;
    case Command::version:
      out << "selfsup-host " SELFSUP_VERSION "\n";
      break;
    case Command::list:
      selfsup::cli::list_plugins(out, places(), line.json);
      break;
    case Command::inspect:
      if (line.schema) return selfsup::run_core(selfsup::find_torch(), line);
      selfsup::cli::inspect_plugin(out, line.target, places(), line.json);
      break;
    case Command::stamp:
      selfsup::plugin::stamp(line.target);
      break;
    case Command::train:
      if (line.ranks.launcher == "local") return selfsup::run_local_ranks(line);
      [[fallthrough]];
    default:
      return selfsup::run_core(selfsup::find_torch(), line);
  }
  selfsup::print_out(out.str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  selfsup::open_standard_descriptors();
  // A file that meets the limit on its size (ulimit -f) is one that cannot be written, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return dispatch(selfsup::cli::parse_command_line({argv + 1, argv + argc}));
  } catch (const selfsup::Error& error) {
    selfsup::log_error(error.what());
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    selfsup::log_error(error.what());
    return static_cast<int>(selfsup::Exit::failed);
  }
}
