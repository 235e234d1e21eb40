// The thin executable: answers what needs no LibTorch, and hands everything else to the core.
#include <cstdio>
#include <exception>
#include <string_view>

#include "base/errors.h"
#include "base/log.h"
#include "torch_location.h"

namespace {

constexpr const char* kHelp =
    R"(selfsup-host: self-supervised pretraining, with algorithms as plugins

usage: selfsup-host [train] --plugin PLUGIN.so CONFIG.json [flags]
       selfsup-host COMMAND [arguments]

commands
  env        versions, processor, threads, LibTorch
  --help     this text
  --version  the version of this program
)";

int dispatch(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "--help";
  if (first == "--help" || first == "-h" || first == "help") return std::fputs(kHelp, stdout) < 0;
  if (first == "--version") return std::puts("selfsup-host " SELFSUP_VERSION) < 0;
  return selfsup::run_core(selfsup::find_torch(), argc, argv);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(argc, argv);
  } catch (const selfsup::Error& error) {
    selfsup::log_error(error.what());
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    selfsup::log_error(error.what());
    return static_cast<int>(selfsup::Exit::failed);
  }
}
