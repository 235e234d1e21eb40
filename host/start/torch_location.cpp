#include "start/torch_location.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/errors.h"
#include "base/install.h"
#include "config/threads.h"

extern const char* const selfsup_torch_folder_script;  // scripts/torch_folder.py

namespace selfsup {
namespace fs = std::filesystem;
namespace {

constexpr const char* kBuilt = SELFSUP_TORCH_BUILT;        // "2.11"
constexpr const char* kRecorded = SELFSUP_TORCH_RECORDED;  // the folder at configure time

std::string importable_folder() {
  const std::string command = fmt::format("python3 -c '{}' 2>/dev/null", selfsup_torch_folder_script);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  char buffer[512];
  while (pipe && std::fgets(buffer, sizeof buffer, pipe.get())) text += buffer;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void* open_library(const fs::path& path, int flags, const char* remedy) {
  if (void* handle = dlopen(path.c_str(), RTLD_NOW | flags)) return handle;
  const char* reason = dlerror();
  throw Error(Exit::failed,
              fmt::format("cannot open {}: {}\n{}", path.string(), reason ? reason : "no reason given", remedy));
}

// The version in FOLDER/version.py, as in 2.11.0+cu130; empty if FOLDER holds no LibTorch.
std::string torch_version_in(const std::string& folder) {
  std::error_code ignored;
  if (!fs::exists(fs::path(folder) / "lib" / "libtorch_cpu.so", ignored)) return "";
  std::ifstream file(fs::path(folder) / "version.py");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("__version__", 0) != 0) continue;
    const size_t from = line.find('\''), to = line.rfind('\'');
    if (from != std::string::npos && to > from) return line.substr(from + 1, to - from - 1);
  }
  return "";
}

// Empty if a core that was built with LibTorch `built` can run with `version`; else why not.
std::string torch_mismatch(const std::string& version, const std::string& built) {
  const size_t minor = version.find('.');
  const size_t end = minor == std::string::npos ? minor : version.find_first_not_of("0123456789", minor + 1);
  if (version.substr(0, end) == built) return "";
  return fmt::format("it is LibTorch {}, and this host was built with {}", version, built);
}

// Between parallel regions the threads of LibTorch's OpenMP spin for milliseconds. Where another process wants a core
// too, a spinning thread holds the one that its own team waits for, and steps take many times as long. Spinning for a
// fraction of a millisecond costs next to nothing. libgomp reads this when it is loaded.
void spin_less() {
  if (!std::getenv("OMP_WAIT_POLICY")) ::setenv("GOMP_SPINCOUNT", "10000", /*overwrite=*/0);
}

}  // namespace

TorchLocation find_torch() {
  std::string tried;
  const auto fits = [&tried](const std::string& folder, const std::string& how) {
    const std::string version = torch_version_in(folder);
    const std::string why =
        version.empty() ? "no lib/libtorch_cpu.so and version.py there" : torch_mismatch(version, kBuilt);
    if (!why.empty()) tried += fmt::format("\n  {} ({}): {}", folder, how, why);
    return why.empty() ? version : std::string();
  };
  const std::string remedy = fmt::format(
      "\nPoint SELFSUP_TORCH_DIR at the folder `torch` of a LibTorch {} wheel, or run `sh scripts/setup.sh` and build "
      "again.",
      kBuilt);

  if (const char* wish = std::getenv("SELFSUP_TORCH_DIR"); wish && *wish) {
    const std::string version = fits(wish, "SELFSUP_TORCH_DIR");
    if (version.empty()) throw Error(Exit::failed, "SELFSUP_TORCH_DIR does not fit this host:" + tried + remedy);
    return {fs::absolute(wish).string(), version, "SELFSUP_TORCH_DIR"};
  }
  if (const std::string version = fits(kRecorded, "recorded by the build"); !version.empty())
    return {kRecorded, version, "recorded by the build"};
  const std::string folder = importable_folder();
  if (folder.empty()) {
    tried += "\n  python3: imports no torch";
  } else if (const std::string version = fits(folder, "importable by python3"); !version.empty()) {
    return {folder, version, "importable by python3"};
  }
  throw Error(Exit::failed, "no LibTorch fits this host. Tried:" + tried + remedy);
}

int run_core(const TorchLocation& location, const cli::CommandLine& line) {
  config::check_thread_variables();
  spin_less();
  // A wheel carries two NVIDIA libraries outside `torch`, which libtorch_cpu.so needs even without a GPU.
  static constexpr const char* wheel =
      "If an NVIDIA library is missing, this wheel lacks its neighbours: `sh scripts/setup.sh` fetches a complete set.";
  const fs::path lib = fs::path(location.folder) / "lib";
  open_library(lib / "libc10.so", RTLD_GLOBAL, wheel);
  open_library(lib / "libtorch_cpu.so", RTLD_GLOBAL, wheel);

  const fs::path core = fs::path(library_folder()) / "libselfsup-core.so";
  void* handle = open_library(core, RTLD_LOCAL, "It belongs to this executable: build or install both.");
  const auto run = reinterpret_cast<int (*)(const cli::CommandLine&)>(dlsym(handle, "selfsup_run"));
  if (!run) throw Error(Exit::failed, core.string() + " has no function selfsup_run: it belongs to another version");
  return run(line);
}

}  // namespace selfsup
