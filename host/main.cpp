// The thin executable: answers what needs no LibTorch, and hands everything else to the core.
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/install.h"
#include "base/log.h"
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
  if (line.command == Command::help) return std::fputs(selfsup::config::help_text().c_str(), stdout) < 0;
  if (line.command == Command::version) return std::puts("selfsup-host " SELFSUP_VERSION) < 0;
  if (line.command == Command::list) return selfsup::plugin::list_plugins(std::cout, plugin_folders(line), line.json);
  if (line.command == Command::inspect && !line.schema)
    return selfsup::plugin::inspect_plugin(std::cout, line.target, plugin_folders(line), line.json);
  return selfsup::run_core(selfsup::find_torch(), argc, argv);
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
