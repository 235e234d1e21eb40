#include "run/environment.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <fstream>
#include <vector>

#include "config/threads.h"
#include "plugin/compatibility.h"
#include "run/fused_path.h"

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

Json machine() {
  return Json(Json::Object{
      {"processor", cpu_model()}, {"cpu_capability", at::get_cpu_capability()}, {"mkl_kernels", mkl_kernels()}});
}

std::string environment_text() {
  return fmt::format(
      "selfsup-host: {}\nSDK: {}\nLibTorch: {}\nCPU: {}\ncapability: {}\nMKL kernels: {}\ncores allowed: "
      "{}\nthreads: {}\nfused kernels: {}",
      SELFSUP_VERSION, plugin::host_sdk(), TORCH_VERSION, cpu_model(), at::get_cpu_capability(), mkl_kernels(),
      config::allowed_cores(), at::get_num_threads(), fused_kernels());
}

std::string ranks_text(const launch::Ranks& ranks, const launch::Meeting& meeting) {
  std::vector<launch::Origin> table = ranks.table;
  table.insert(table.end(), meeting.table.begin(), meeting.table.end());
  return fmt::format("ranks:\n{}", launch::text_of(table));
}

}  // namespace selfsup::run
