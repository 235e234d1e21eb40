#include "device/device.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <cstdlib>
#include <string_view>

#include "base/errors.h"
#include "base/log.h"
#include "base/random.h"
#include "config/threads.h"
#include "device/driver.h"

namespace selfsup::device {
namespace {

// Why no GPU can be taken before any driver is asked; empty: nothing against it.
std::string hidden() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (!visible) return {};
  const std::string_view text = visible;
  if (text.empty() || text.starts_with("-1")) return fmt::format("CUDA_VISIBLE_DEVICES={} hides every GPU", text);
  return {};
}

bool shares_gpus() {
  const char* text = std::getenv("SELFSUP_SHARE_GPU");
  return text && std::string_view(text) == "1";
}

}  // namespace

Devices find_devices(const std::string& spec) {
  if (spec != "auto" && spec != "cpu" && spec != "cuda")
    throw Error(Exit::usage, fmt::format("device is \"auto\", \"cpu\" or \"cuda\", not \"{}\"", spec));
  if (spec == "cpu") return {};
  const bool must = spec == "cuda";
  const auto without = [&](const std::string& reason) -> Devices {
    if (must) throw Error(Exit::usage, fmt::format("device cuda cannot be had: {}; or take --device cpu", reason));
    return {};
  };
  if (const std::string reason = hidden(); !reason.empty()) return without(reason);
  const Driver driver = ask_driver();
  const size_t gpus = driver.gpus.size() + static_cast<size_t>(driver.unknown);
  if (gpus == 0) return without(fmt::format("no NVIDIA driver answers ({})", driver.reason));

  // From here on there is a GPU, and not taking it is worth a line.
  const auto& [cuda, problem, remedy] = open_cuda_module();
  const std::string unusable = driver.unknown > 0 ? driver.reason
                               : !cuda            ? fmt::format("{}; {}", problem, remedy)
                               : cuda->device_count() == 0
                                   ? fmt::format("LibTorch can use none: {}", cuda->last_error())
                                   : std::string();
  if (!unusable.empty()) {
    const std::string text =
        fmt::format("an NVIDIA driver answers with {} GPU{}, but {}", gpus, gpus == 1 ? "" : "s", unusable);
    if (!must) log_warning(text + "; going on with the CPU");
    return without(text);
  }
  return {driver.gpus, cuda, shares_gpus()};
}

Device take_device(const Devices& found, size_t gpu) {
  if (found.gpus.empty()) return {at::kCPU, "CPU", nullptr};
  const int index = static_cast<int>(gpu);
  if (found.cuda->select(index) != 0)
    throw Error(Exit::failed, fmt::format("GPU {} cannot be used: {}", index, found.cuda->last_error()));
  char text[256] = "CUDA device";
  found.cuda->describe(index, text, sizeof text);
  return {at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index)), text, found.cuda};
}

NcclMaker nccl_maker(const Device& device, std::chrono::milliseconds timeout) {
  const SelfsupCudaTable* cuda = device.cuda;
  if (!cuda || !cuda->make_nccl)
    throw Error(Exit::usage,
                "ranks on GPUs need NCCL, and libselfsup-cuda.so was built without it: build again where "
                "nccl.h of LibTorch's NCCL is found, or take --device cpu");
  // LibTorch's own watch would abort the process, without a word for the user, as soon as it sees an operation fail:
  // that is for the watch over the ranks, which knows who is to blame.
  setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0", /*overwrite=*/0);
  return [cuda, timeout](const c10::intrusive_ptr<c10d::Store>& store, int rank, int world) {
    c10::intrusive_ptr<c10d::Backend> backend;
    if (cuda->make_nccl(&store, rank, world, timeout.count(), &backend) != 0)
      throw Error(Exit::failed, fmt::format("NCCL cannot be used: {}", cuda->last_error()));
    return backend;
  };
}

std::shared_ptr<uint8_t> allocate_pinned(size_t bytes) try {
  const auto options = at::TensorOptions().dtype(at::kByte).pinned_memory(true);
  const at::Tensor memory = at::empty({static_cast<int64_t>(bytes)}, options);
  return {memory.mutable_data_ptr<uint8_t>(), [memory](uint8_t*) {}};
} catch (const c10::Error& e) {
  throw Error(Exit::failed, fmt::format("no {} bytes of page-locked memory: {}", bytes, e.what_without_backtrace()));
}

std::optional<int64_t> Device::peak_memory_mib() const {
  return cuda ? std::optional(cuda->peak_memory(device.index()) >> 20) : std::nullopt;
}

std::optional<uint64_t> Device::free_memory() const {
  const int64_t bytes = cuda ? cuda->free_memory(device.index()) : -1;
  return bytes < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(bytes));
}

int set_threads(int wanted, int local_ranks) {
  const int threads = config::training_threads(wanted, local_ranks), cores = config::allowed_cores();
  if (threads > cores)
    log_warning(
        fmt::format("{} threads are to train, and {} allowed: threads that wait for one another on one core are "
                    "many times slower; lower {}",
                    threads, cores == 1 ? "1 core is" : fmt::format("{} cores are", cores),
                    wanted > 0 ? "env_cfg.num_threads" : "OMP_NUM_THREADS"));
  at::set_num_threads(threads);
  return at::get_num_threads();
}

void set_numerics(const Numerics& numerics) {
  // The CPU generator keeps 32 bits of its seed: fold, so that seeds which differ above them differ.
  const uint64_t mixed = mix64(numerics.seed);
  at::manual_seed((mixed ^ (mixed >> 32)) & 0xffffffffu);
  at::globalContext().setDeterministicAlgorithms(numerics.deterministic, /*warn_only=*/false);
  at::globalContext().setDeterministicCuDNN(numerics.deterministic);
  at::globalContext().setBenchmarkCuDNN(numerics.search && !numerics.deterministic);
  if (numerics.tf32) {
    at::globalContext().setAllowTF32CuBLAS(*numerics.tf32);
    at::globalContext().setAllowTF32CuDNN(*numerics.tf32);
  }
  at::globalContext().setDeterministicFillUninitializedMemory(false);  // nothing here reads what it has not written
  if (numerics.deterministic) setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
}

}  // namespace selfsup::device
