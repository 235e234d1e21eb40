#include "run/picture_path.h"

#include "checkpoint/file.h"

namespace selfsup::run {

std::string picture_path(const cli::CommandLine& line, const config::RunConfig& config, const std::string& name) {
  if (line.out) return *line.out;
  checkpoint::make_folders(config.work_dir);
  return config.work_dir + "/" + name;
}

}  // namespace selfsup::run
