#include "run/commands.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <fstream>
#include <memory>

#include "base/errors.h"
#include "base/log.h"
#include "config/host_schema.h"
#include "config/threads.h"
#include "plugin/search.h"
#include "run/component_schemas.h"
#include "run/prepared.h"
#include "run/sources.h"
#include "run/training.h"

namespace selfsup::run {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

// What MKL hears when it asks for its kernels (mkl_dispatch.cpp).
const char* mkl_kernels() {
  const auto ask = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "mkl_serv_intel_cpu_true"));
  return ask && ask() ? "fast" : "default";
}

}  // namespace

std::string environment_text() {
  return fmt::format(
      "selfsup-host: {}\nSDK: {}\nLibTorch: {}\nCPU: {}\ncapability: {}\nMKL kernels: {}\ncores allowed: "
      "{}\nthreads: {}",
      SELFSUP_VERSION, plugin::host_sdk(), TORCH_VERSION, cpu_model(), at::get_cpu_capability(), mkl_kernels(),
      config::allowed_cores(), at::get_num_threads());
}

int env_command() {
  fmt::print("{}\n", environment_text());
  return 0;
}

int train_command(const config::CommandLine& line) {
  const std::unique_ptr<Prepared> prepared = prepare(line);
  Training training(*prepared, line);
  return static_cast<int>(training.run());
}

int validate_command(const config::CommandLine& line) {
  const std::unique_ptr<Prepared> prepared = prepare(line);
  Training training(*prepared, line);
  const double loss = training.try_first_batch();
  log_info(fmt::format("{} is valid; loss of the first batch: {:.4f}", line.target, loss));
  return 0;
}

int config_command(const config::CommandLine& line) {
  const std::unique_ptr<Prepared> prepared = prepare(line);
  fmt::print("{}\n", line.sources ? sources_text(prepared->config) : to_text(prepared->config, 2));
  return 0;
}

int schema_command(const config::CommandLine& line) {
  const bridge::Host host;
  plugin::Registry registry(host.table());
  const ComponentSchemaCache cache(registry);
  const config::ComponentSchemas schemas = cache.lookup();
  Json all = Json::object();
  const auto add = [&](const std::string& kind, const std::string& name) {
    all.set(fmt::format("{}:{}", kind, name), *schemas.find(kind, name));
  };
  if (line.target.empty()) {
    all.set("host", config::host_schema());
    for (const char* kind : {"optimizer", "scheduler", "dataset", "transform"})
      for (const std::string& name : schemas.names(kind)) add(kind, name);
  } else {
    const std::vector<std::string> folders = plugin_folders(line);
    const plugin::Plugin& plugin = registry.load(plugin::find_plugin(line.target, folders), folders);
    for (const auto& [kind, name] : plugin.file.note.provides) add(kind, name);
  }
  fmt::print("{}\n", to_text(all, 2));
  return 0;
}

}  // namespace selfsup::run
