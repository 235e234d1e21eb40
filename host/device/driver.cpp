#include "device/driver.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/version.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/install.h"

namespace selfsup::device {
namespace {

std::string loader_text() {
  const char* text = dlerror();
  return text ? text : "unknown reason";
}

// The folders in which the module may lie: that of the library this code is in, and the library folder beside bin/.
std::vector<std::filesystem::path> module_folders() {
  std::vector<std::filesystem::path> out;
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&ask_driver), &info) && info.dli_fname)
    out.push_back(std::filesystem::absolute(info.dli_fname).parent_path());
  out.emplace_back(library_folder());
  return out;
}

// LibTorch's CUDA part from the folder of the LibTorch that is in use, whatever that folder is. Empty: it is open.
std::string open_torch_cuda() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &info) || !info.dli_fname) return {};
  const auto path = std::filesystem::absolute(info.dli_fname).parent_path() / "libtorch_cuda.so";
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE)) return {};
  return loader_text();
}

// A LibTorch with all that its CUDA part needs; the one that scripts/setup.sh fetches has what the CPU needs.
constexpr const char* whole_torch = ".deps/torch-cuda";
std::string fetch_whole_torch() {
  return fmt::format("python3 -m pip install --target {} torch=={}.{}.{}", whole_torch, TORCH_VERSION_MAJOR,
                     TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}
std::string build_with_whole_torch() {
  return fmt::format("{} && SELFSUP_TORCH_DIR=\"$PWD/{}/torch\" sh scripts/build.sh", fetch_whole_torch(), whole_torch);
}

CudaModule open_once() {
  CudaModule module{nullptr, "this program has no CUDA part: there is no libselfsup-cuda.so beside it",
                    "to add it, which needs the CUDA toolkit of LibTorch's major version: " + build_with_whole_torch()};
  for (const auto& folder : module_folders()) {
    const std::string path = folder / "libselfsup-cuda.so";
    if (!std::filesystem::exists(path)) continue;
    if (const std::string missing = open_torch_cuda(); !missing.empty())
      return {nullptr, fmt::format("LibTorch's CUDA part cannot be opened: {}", missing),
              fmt::format("to have it whole: {}; then set SELFSUP_TORCH_DIR=\"$PWD/{}/torch\"", fetch_whole_torch(),
                          whole_torch)};
    module.remedy = "build again: sh scripts/build.sh";
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
    if (!handle) {
      module.problem = loader_text();
      continue;
    }
    const auto entry = reinterpret_cast<SelfsupCudaEntry>(dlsym(handle, SELFSUP_CUDA_SYMBOL));
    const SelfsupCudaTable* table = entry ? entry() : nullptr;
    if (!table || table->version != SELFSUP_CUDA_TABLE_VERSION)
      module.problem = fmt::format("{} is of another version of this program", path);
    else if (std::string_view(table->torch_version) != TORCH_VERSION)
      module.problem =
          fmt::format("{} was built with LibTorch {}, this program with {}", path, table->torch_version, TORCH_VERSION);
    else
      return {table, {}, {}};
  }
  return module;
}

}  // namespace

Driver ask_driver() {
  Driver driver;
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    driver.reason = loader_text();
    return driver;
  }
  const auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(library, "cuInit"));
  const auto count = reinterpret_cast<int (*)(int*)>(dlsym(library, "cuDeviceGetCount"));
  if (!init || !count) {
    driver.reason = "libcuda.so.1 lacks cuInit or cuDeviceGetCount";
  } else if (const int status = init(0); status != 0) {
    driver.reason = fmt::format("the driver refuses to start (CUDA error {})", status);
  } else if (const int failed = count(&driver.devices); failed != 0) {
    driver.devices = 0;
    driver.reason = fmt::format("the driver cannot count its GPUs (CUDA error {})", failed);
  } else if (driver.devices == 0) {
    driver.reason = "the driver shows no GPU to this process";
  }
  return driver;  // the library stays open: the CUDA libraries use it next
}

const CudaModule& open_cuda_module() {
  static const CudaModule module = open_once();
  return module;
}

}  // namespace selfsup::device
