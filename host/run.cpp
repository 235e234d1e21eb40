// The core's one entry: takes the command line, builds the parts in order, returns the exit code.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "base/log.h"

namespace selfsup {
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

void print_env() {
  fmt::print("selfsup-host: {}\nLibTorch: {}\nCPU: {}\ncapability: {}\nMKL kernels: {}\nthreads: {}\nCUDA: no\n",
             SELFSUP_VERSION, TORCH_VERSION, cpu_model(), at::get_cpu_capability(), mkl_kernels(),
             at::get_num_threads());
}

int run(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command != "env") throw Error(Exit::usage, fmt::format("unknown command {}; see --help", command));
  print_env();
  return 0;
}

}  // namespace
}  // namespace selfsup

extern "C" __attribute__((visibility("default"))) int selfsup_run(int argc, char** argv) {
  try {
    return selfsup::run(argc, argv);
  } catch (const selfsup::Error& error) {
    selfsup::log_error(error.what());
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    selfsup::log_error(error.what());
    return static_cast<int>(selfsup::Exit::failed);
  }
}
