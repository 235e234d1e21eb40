// The commands that need LibTorch; each returns the exit code or throws Error. stdout is data, stderr is messages.
#pragma once
#include "cli/command_line.h"

namespace selfsup::run {

int train_command(const cli::CommandLine& line);
int validate_command(const cli::CommandLine& line);  // everything up to the first batch
int config_command(const cli::CommandLine& line);
// inspect --schema: {"kind:name": schema} of what a plugin provides, or without one of what the host has built in,
// where "host" is the whole configuration.
int schema_command(const cli::CommandLine& line);
int env_command(const cli::CommandLine& line);
int views_command(const cli::CommandLine& line);      // a grid of what training sees
int benchmark_command(const cli::CommandLine& line);  // loader and step, beside their limits
// Of a trained model.
int reconstruct_command(const cli::CommandLine& line);
int knn_command(const cli::CommandLine& line);
int probe_command(const cli::CommandLine& line);
int embed_command(const cli::CommandLine& line);
int export_command(const cli::CommandLine& line);

}  // namespace selfsup::run
