// The thin executable: answers what needs no LibTorch, and hands everything else to the core.
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/install.h"
#include "base/log.h"
#include "cli/command_line.h"
#include "cli/output.h"
#include "cli/plugin_listing.h"
#include "plugin/search.h"
#include "start/torch_location.h"

namespace {

using selfsup::cli::Command;
using selfsup::cli::CommandLine;

std::vector<std::string> plugin_folders(const CommandLine& line) {
  return selfsup::plugin::plugin_folders(line.plugin_dirs, selfsup::library_folder() + "/plugins");
}

int dispatch(int argc, char** argv) {
  const CommandLine line = selfsup::cli::parse_command_line({argv + 1, argv + argc});
  std::ostringstream out;
  switch (line.command) {
    case Command::help:
      out << selfsup::cli::help_text();
      break;
    case Command::version:
      out << "selfsup-host " SELFSUP_VERSION "\n";
      break;
    case Command::list:
      selfsup::cli::list_plugins(out, plugin_folders(line), line.json);
      break;
    case Command::inspect:
      if (line.schema) return selfsup::run_core(selfsup::find_torch(), argc, argv);
      selfsup::cli::inspect_plugin(out, line.target, plugin_folders(line), line.json);
      break;
    default:
      return selfsup::run_core(selfsup::find_torch(), argc, argv);
  }
  selfsup::print_out(out.str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(argc, argv);
  } catch (const selfsup::Error& error) {
    selfsup::log_error(error.what());
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    selfsup::log_error(error.what());
    return static_cast<int>(selfsup::Exit::failed);
  }
}
