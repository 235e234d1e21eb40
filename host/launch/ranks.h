// Who the processes of a run are, and where they meet: from the command line, the configuration, and what a launcher
// has left in the environment. Opens nothing and starts nothing.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace selfsup::launch {

enum class Launcher {
  none,     // one process
  local,    // our own, on each machine: launcher.h
  pytorch,  // torchrun, torch.distributed.launch, or whoever sets RANK and WORLD_SIZE
  slurm,    // srun
  mpi       // Open MPI's mpirun
};
const char* name_of(Launcher launcher);

// The words of the command line about ranks, as given; names and meanings are torchrun's.
struct Asked {
  std::optional<std::string> launcher;  // auto, none, local, pytorch, slurm, mpi; absent: auto
  std::optional<int64_t> nproc_per_node, nnodes, node_rank, max_restarts;  // of the local launcher
  std::optional<int64_t> master_port;                                      // of all that start several processes
  std::optional<std::string> master_addr;
  std::optional<int64_t> local_rank;  // older launchers pass it beside the environment
};

using Environment = std::map<std::string, std::string>;
Environment this_environment();

// Where a value of the following comes from, for the table in the log: {"rank", "3", "SLURM_PROCID"}.
struct Origin {
  std::string what, value, from;
};
// The rows in aligned columns, a line each, indented by two; without a newline at the end.
std::string text_of(const std::vector<Origin>& table);

struct Ranks {
  Launcher launcher = Launcher::none;
  int rank = 0, world = 1;              // 0 <= rank < world
  int local_rank = 0, local_world = 1;  // among those of this machine
  std::string job;  // equal in all processes of a run, and in no other run's at the same time as far as that is known
  std::vector<Origin> table;
};

// In a process that is to be a rank: of `local`, what launcher.h has set. Error(usage) for what contradicts itself, is
// no number, is out of range or is only half there, with the variables, their values and what to do.
Ranks find_ranks(const Asked& asked, const Environment& environment);

// env_cfg.dist_cfg as the configuration states it.
struct Stated {
  std::optional<int64_t> port;
  std::string source;  // "FILE:LINE:COLUMN", "--cfg-options", …
};
// config: any layers of it. Error(usage) for a port that is no whole number.
Stated stated_in(const Json& config);

// Where rank 0's store is. Nobody listens where there is one process.
struct Meeting {
  std::string address;      // a name or a number
  int port = 0;             // 0: whichever is free; only rank 0 of a run on one machine has that, and a `listener`
  int listener = -1;        // of rank 0 under `local`: the socket, bound and listening, that the launcher has opened
  bool served = false;      // the launcher serves a store there already (torchrun): nobody listens, rank 0 neither
  bool one_machine = true;  // all ranks are here: loopback alone
  std::vector<Origin> table;
};

// The port, for every launcher: --master-port (dist_train.sh gives PORT so), else env_cfg.dist_cfg.port, else
// MASTER_PORT, else on one machine a free one (our launcher's) or one that follows from the job (20000 to 29499; ranks
// of Slurm and Open MPI have nobody who could tell them a free one), else 29500. Under torchrun with a store of its
// agent's: that one, unless one of the first two names another. The address: 127.0.0.1 on one machine, else
// --master-addr, else MASTER_ADDR, else the first machine of Slurm's list. A rank of our launcher meets where that has
// said. Error(usage).
Meeting find_meeting(const Ranks& ranks, const Asked& asked, const Stated& stated, const Environment& environment);

}  // namespace selfsup::launch
