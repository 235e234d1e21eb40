// Where a command puts its picture. Knows no picture.
#pragma once
#include <string>

#include "cli/command_line.h"
#include "config/run_config.h"

namespace selfsup::run {

// --out, whose folder is there, or `name` in the work folder, which is made if it is not there. Error(storage).
std::string picture_path(const cli::CommandLine& line, const config::RunConfig& config, const std::string& name);

}  // namespace selfsup::run
