// The thin executable: answers what needs no LibTorch, and hands everything else to the core.
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/install.h"
#include "base/log.h"
#include "base/output.h"
#include "config/command_line.h"
#include "plugin/commands.h"
#include "plugin/search.h"
#include "torch_location.h"

namespace {

using selfsup::config::Command;
using selfsup::config::CommandLine;

std::vector<std::string> plugin_folders(const CommandLine& line) {
  return selfsup::plugin::plugin_folders(line.plugin_dirs, selfsup::library_folder() + "/plugins");
}

int dispatch(int argc, char** argv) {
  const CommandLine line = selfsup::config::parse_command_line({argv + 1, argv + argc});
  std::ostringstream out;
  switch (line.command) {
    case Command::help:
      out << selfsup::config::help_text();
      break;
    case Command::version:
      out << "selfsup-host " SELFSUP_VERSION "\n";
      break;
    case Command::list:
      selfsup::plugin::list_plugins(out, plugin_folders(line), line.json);
      break;
    case Command::inspect:
      if (line.schema) return selfsup::run_core(selfsup::find_torch(), argc, argv);
      selfsup::plugin::inspect_plugin(out, line.target, plugin_folders(line), line.json);
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
