#include "launch/asked.h"

#include <fmt/format.h>

#include <limits>

#include "base/errors.h"

namespace selfsup::launch {
namespace {

struct Flag {
  const char* name;
  std::optional<int64_t> value;
  int64_t least, most;
};

}  // namespace

Launcher launcher_named(const std::string& name) {
  for (const Launcher launcher : {Launcher::none, Launcher::local, Launcher::pytorch, Launcher::slurm, Launcher::mpi})
    if (name == name_of(launcher)) return launcher;
  throw Error(Exit::usage,
              fmt::format("--launcher is one of auto, none, pytorch, slurm, mpi, local; found \"{}\"", name));
}

void check_flags(const Asked& asked, Launcher launcher) {
  constexpr int64_t most = std::numeric_limits<int>::max();
  const Flag of_local[] = {{"--nproc-per-node", asked.nproc_per_node, 1, 4096},
                           {"--nnodes", asked.nnodes, 1, most},
                           {"--node-rank", asked.node_rank, 0, most},
                           {"--max-restarts", asked.max_restarts, 0, most}};
  const Flag of_all[] = {{"--master-port", asked.master_port, 1, 65535}, {"--local-rank", asked.local_rank, 0, most}};
  const auto check = [](const Flag& flag) {
    if (flag.value && (*flag.value < flag.least || *flag.value > flag.most))
      throw Error(Exit::usage, fmt::format("{} takes a whole number from {} to {}; found {}", flag.name, flag.least,
                                           flag.most, *flag.value));
  };
  for (const Flag& flag : of_local) {
    check(flag);
    if (flag.value && launcher != Launcher::local)
      throw Error(Exit::usage, fmt::format("{} is of --launcher local; found with launcher {}, which says itself how "
                                           "many processes there are",
                                           flag.name, name_of(launcher)));
  }
  for (const Flag& flag : of_all) check(flag);
}

}  // namespace selfsup::launch
