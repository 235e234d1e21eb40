// Environments of launchers, as text, for tests. Knows no test.
#pragma once
#include <sstream>
#include <string>

#include "launch/ranks.h"

namespace selfsup::launch::testing {

// "RANK=1 WORLD_SIZE=2": variables apart by blanks; later ones replace earlier ones, and "RANK=" takes one away.
inline Environment environment_of(const std::string& text) {
  Environment environment;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
    environment.erase(name);
    if (!value.empty()) environment.emplace(name, value);
  }
  return environment;
}

// What they really set, for the second rank of two on one machine, and the third of four on two machines.
inline const std::string torchrun =
    "RANK=1 WORLD_SIZE=2 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 GROUP_RANK=0 GROUP_WORLD_SIZE=1 MASTER_ADDR=127.0.0.1 "
    "MASTER_PORT=29500 TORCHELASTIC_RUN_ID=none TORCHELASTIC_RESTART_COUNT=0 TORCHELASTIC_USE_AGENT_STORE=True ";
inline const std::string mpirun =
    "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 "
    "PMIX_NAMESPACE=1811480577 ";
inline const std::string srun =
    "SLURM_JOB_ID=71 SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 SLURM_LOCALID=0 "
    "SLURM_NODEID=1 SLURM_STEP_NUM_NODES=2 SLURM_STEP_TASKS_PER_NODE=2(x2) SLURM_STEP_NODELIST=node[08-09] ";
inline const std::string ours =
    "SELFSUP_LAUNCHER=local SELFSUP_JOB=local-7-00000000 RANK=1 WORLD_SIZE=2 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 "
    "MASTER_ADDR=127.0.0.1 MASTER_PORT=41234 ";

}  // namespace selfsup::launch::testing
