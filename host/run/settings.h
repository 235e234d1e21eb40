// What a run is told: its configuration, judged as far as that needs neither data nor device.
#pragma once
#include "cli/command_line.h"
#include "config/run_config.h"
#include "train/clip.h"
#include "train/optimizers/param_groups.h"

namespace selfsup::run {

struct Settings {
  config::RunConfig config;
  train::ClipSettings clip;
  train::ParamRules rules;
  int threads;  // of an operator: in force
};

// tree: resolved and valid; work folder and seed are filled in where they are missing, for the record.
Settings settle(Json& tree, const cli::CommandLine& line);

}  // namespace selfsup::run
