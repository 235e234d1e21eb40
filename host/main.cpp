// The thin executable: answers what needs no LibTorch, and hands everything
// else to the core.
#include <cstdio>
#include <exception>
#include <iostream>

#include "base/errors.h"
#include "base/log.h"
#include "config/command_line.h"
#include "plugin/commands.h"
#include "plugin/search.h"
#include "torch_location.h"

namespace {

int dispatch(int argc, char** argv) {
  using selfsup::config::Command;
  const auto line = selfsup::config::parse_command_line({argv + 1, argv + argc});
  if (line.command == Command::help) return std::fputs(selfsup::config::help_text().c_str(), stdout) < 0;
  if (line.command == Command::version) return std::puts("selfsup-host " SELFSUP_VERSION) < 0;
  if (line.command == Command::list || (line.command == Command::inspect && !line.schema)) {
    const auto folders = selfsup::plugin::plugin_folders(line.plugin_dirs, selfsup::library_folder() + "/plugins");
    return line.command == Command::list ? selfsup::plugin::list_plugins(std::cout, folders, line.json)
                                         : selfsup::plugin::inspect_plugin(std::cout, line.target, folders, line.json);
  }
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
