// What a run is told: its configuration, judged as far as that needs neither data nor device.
#pragma once
#include "cli/command_line.h"
#include "config/run_config.h"
#include "launch/ranks.h"
#include "train/clip.h"
#include "train/optimizers/param_groups.h"

namespace selfsup::run {

struct Settings {
  config::RunConfig config;
  train::ClipSettings clip;
  train::ParamRules rules;
  int threads;  // of an operator: in force
  launch::Asked asked_ranks;
  launch::Stated stated_port;
};

// tree: resolved and valid; work folder and seed are filled in where they are missing, for the record. Ranks of one
// machine share its cores.
Settings settle(Json& tree, const cli::CommandLine& line, const launch::Ranks& ranks = {});

}  // namespace selfsup::run
