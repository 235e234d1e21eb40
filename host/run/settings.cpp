#include "run/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/errors.h"
#include "config/threads.h"
#include "device/device.h"
#include "device/memory.h"
#include "train/amp.h"
#include "train/optimizers/optimizer.h"

namespace selfsup::run {
namespace {

namespace fs = std::filesystem;
using config::ResumeFrom;

const Json& node_or_null(const Json& parent, std::string_view key) {
  static const Json null;
  const Json* node = parent.find(key);
  return node ? *node : null;
}

// The host's keys, with the work folder filled in.
config::RunConfig read_config(Json& tree, const std::string& path, int local_world) {
  config::RunConfig config = config::read_run_config(tree);
  if (config.work_dir.empty()) {
    config.work_dir = (fs::path("work_dirs") / fs::path(path).stem()).string();
    tree.set("work_dir", config.work_dir);
  }
  if (!config.data.num_workers)
    config.data.num_workers = std::min(8, std::max(1, config::allowed_cores() / local_world - 1));
  return config;
}

void judge(const config::RunConfig& config, const cli::CommandLine& line) {
  const Json& wrapper = config.optim_wrapper;
  train::make_optimizer(wrapper.get("optimizer"), {});
  // Whether "auto" finds a GPU is not known yet; the CPU refuses more.
  train::amp_settings(wrapper, config.device == "cpu" ? at::kCPU : at::kCUDA);
  if (line.overwrite && (line.resume || config.resume == ResumeFrom::path))
    throw Error(Exit::usage, "--overwrite starts anew, and resume goes on from a checkpoint: take one of them away");
  if (config.resume == ResumeFrom::nothing && !config.load_from.empty() && !fs::exists(config.load_from))
    throw Error(Exit::usage, fmt::format("load_from: there is nothing at {}", config.load_from));
}

}  // namespace

Settings settle(Json& tree, const cli::CommandLine& line, const launch::Ranks& ranks) {
  config::RunConfig config = read_config(tree, line.target, ranks.local_world);
  const train::ClipSettings clip = train::clip_settings(node_or_null(config.optim_wrapper, "clip_grad"));
  const int threads = device::set_threads(static_cast<int>(config.num_threads.value_or(0)), ranks.local_world);
  device::keep_freed_memory();
  judge(config, line);
  train::ParamRules rules(node_or_null(config.optim_wrapper, "paramwise_cfg"));
  return {std::move(config), clip, std::move(rules), threads, line.ranks, launch::stated_in(tree)};
}

}  // namespace selfsup::run
