#include "device/driver.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/version.h>
#include <unistd.h>

#include <array>
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

// The driver's functions, and what they take: cuda.h is not needed for a question.
struct Uuid {
  std::array<unsigned char, 16> bytes;
};
using Init = int (*)(unsigned flags);
using Count = int (*)(int* devices);
using Get = int (*)(int* device, int index);
using Identify = int (*)(Uuid* uuid, int device);

std::string text_of(const Uuid& uuid) {
  std::string text;
  for (size_t i = 0; i < uuid.bytes.size(); ++i)
    text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid.bytes[i]);
  return text;
}

}  // namespace

Driver ask_driver() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);  // stays open: the CUDA libraries use it next
  if (!library) return {{}, 0, loader_text()};
  const auto init = reinterpret_cast<Init>(dlsym(library, "cuInit"));
  const auto count = reinterpret_cast<Count>(dlsym(library, "cuDeviceGetCount"));
  const auto get = reinterpret_cast<Get>(dlsym(library, "cuDeviceGet"));
  const auto identify = reinterpret_cast<Identify>(dlsym(library, "cuDeviceGetUuid_v2"));  // tells instances apart
  if (!init || !count) return {{}, 0, "libcuda.so.1 lacks cuInit or cuDeviceGetCount"};
  if (const int status = init(0); status != 0)
    return {{}, 0, fmt::format("the driver refuses to start (CUDA error {})", status)};
  int devices = 0;
  if (const int status = count(&devices); status != 0)
    return {{}, 0, fmt::format("the driver cannot count its GPUs (CUDA error {})", status)};
  if (!get || !identify)
    return {
        {}, devices, "libcuda.so.1 lacks cuDeviceGet or cuDeviceGetUuid_v2; a driver of CUDA 11.4 or later has them"};
  Driver driver;
  for (int index = 0; index < devices; ++index) {
    int device = 0;
    Uuid uuid{};
    int status = get(&device, index);
    if (status == 0) status = identify(&uuid, device);
    if (status != 0)
      return {{}, devices, fmt::format("the driver cannot identify GPU {} (CUDA error {})", index, status)};
    driver.gpus.push_back(text_of(uuid));
  }
  if (driver.gpus.empty()) driver.reason = "the driver shows no GPU to this process";
  return driver;
}

const CudaModule& open_cuda_module() {
  static const CudaModule module = open_once();
  return module;
}

}  // namespace selfsup::device
