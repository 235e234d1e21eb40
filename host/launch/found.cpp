#include "launch/found.h"

#include <fmt/format.h>

#include <numeric>

#include "launch/address.h"
#include "launch/hosts.h"

namespace selfsup::launch {
namespace {

constexpr const char* one_each = "assumed: one process on each machine";

// SELFSUP_JOB is the user's word. A launcher that starts its ranks again counts that.
void set_job(Found& found, const Variables& variables, const std::string& otherwise, const std::string& from,
             const char* restarts) {
  const bool said = variables.has("SELFSUP_JOB");
  found.job = said ? variables.text("SELFSUP_JOB") : otherwise;
  found.job_from = said ? "SELFSUP_JOB" : from;
  const auto count = restarts ? variables.number(restarts) : std::nullopt;
  if (count && count->value > 0) {
    found.job += fmt::format("/{}", count->value);
    found.job_from += fmt::format(" and {}", restarts);
  }
}

Found read_local(const Variables& variables) {
  constexpr const char* sign = "SELFSUP_LAUNCHER";
  Found found;
  found.rank = variables.number_beside("RANK", sign);
  found.world = variables.number_beside("WORLD_SIZE", sign);
  found.local_rank = variables.number_beside("LOCAL_RANK", sign);
  found.local_world = variables.number_beside("LOCAL_WORLD_SIZE", sign);
  if (!variables.has("SELFSUP_JOB")) variables.refuse("SELFSUP_LAUNCHER is set and SELFSUP_JOB is not");
  set_job(found, variables, "", "", nullptr);
  const int each = found.local_world.value;
  if (each > 0 && found.world.value % each != 0)
    variables.refuse(
        fmt::format("WORLD_SIZE is {}, which is no multiple of LOCAL_WORLD_SIZE, {}: every machine has "
                    "the same number of ranks",
                    found.world.value, each));
  if (each > 0 && found.rank.value % each != found.local_rank.value)
    variables.refuse(
        fmt::format("RANK is {} and LOCAL_RANK is {}, where each machine has {} ranks: expected LOCAL_RANK {}",
                    found.rank.value, found.local_rank.value, each, found.rank.value % each));
  return found;
}

// Many set RANK and WORLD_SIZE alone: one process on each machine. Older launchers leave LOCAL_WORLD_SIZE away.
void read_local_of_pytorch(Found& found, const Variables& variables, std::optional<int64_t> local_rank_flag) {
  const auto local_rank = variables.number("LOCAL_RANK");
  const auto local_world = variables.number("LOCAL_WORLD_SIZE");
  if (!local_rank && !local_rank_flag) {
    if (local_world) variables.refuse("LOCAL_WORLD_SIZE is set and LOCAL_RANK is not");
    found.local_rank = {0, one_each};
    found.local_world = {1, one_each};
    return;
  }
  found.local_rank = local_rank ? *local_rank : Number{static_cast<int>(*local_rank_flag), "--local-rank"};
  if (local_world) {
    found.local_world = *local_world;
  } else if (is_loopback(variables.text("MASTER_ADDR", "localhost"))) {
    found.local_world = {found.world.value, "WORLD_SIZE, as MASTER_ADDR is this machine"};
  } else {
    variables.refuse(
        fmt::format("{} is set and LOCAL_WORLD_SIZE is not, and by MASTER_ADDR, {}, the ranks are on several machines",
                    found.local_rank.from, variables.text("MASTER_ADDR")));
  }
}

Found read_pytorch(const Variables& variables, std::optional<int64_t> local_rank_flag) {
  Found found;
  found.rank = variables.number_beside("RANK", "WORLD_SIZE");
  found.world = variables.number_beside("WORLD_SIZE", "RANK");
  read_local_of_pytorch(found, variables, local_rank_flag);
  if (const auto nodes = variables.number("GROUP_WORLD_SIZE")) {
    const int elsewhere = found.world.value - found.local_world.value, others = nodes->value - 1;
    if (others < 0 || elsewhere < others || (others == 0 && elsewhere > 0))
      variables.refuse(
          fmt::format("WORLD_SIZE is {}, of which {} are on this machine (LOCAL_WORLD_SIZE), and GROUP_WORLD_SIZE says "
                      "that there are {} machines: these do not add up",
                      found.world.value, found.local_world.value, nodes->value));
  }
  // "none" is torchrun's own default.
  const std::string id = variables.text("TORCHELASTIC_RUN_ID", "none");
  const std::string meeting =
      fmt::format("{}:{}", variables.text("MASTER_ADDR", "-"), variables.text("MASTER_PORT", "-"));
  set_job(found, variables, id == "none" ? "pytorch-" + meeting : "pytorch-" + id,
          id == "none" ? "MASTER_ADDR and MASTER_PORT" : "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT");
  return found;
}

Found read_mpi(const Variables& variables) {
  Found found;
  constexpr const char *rank = "OMPI_COMM_WORLD_RANK", *world = "OMPI_COMM_WORLD_SIZE";
  found.rank = variables.number_beside(rank, world);
  found.world = variables.number_beside(world, rank);
  found.local_rank = variables.number_beside("OMPI_COMM_WORLD_LOCAL_RANK", rank);
  found.local_world = variables.number_beside("OMPI_COMM_WORLD_LOCAL_SIZE", rank);
  for (const char* name : {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"})
    if (found.job.empty() && variables.has(name)) found.job = "mpi-" + variables.text(name), found.job_from = name;
  set_job(found, variables, found.job.empty() ? "mpi" : found.job,
          found.job.empty() ? "the same for every mpirun" : found.job_from, nullptr);
  return found;
}

// The tasks of this machine, of a list that must add up to all of them.
Number tasks_here(const Variables& variables, const Number& world) {
  constexpr const char* name = "SLURM_STEP_TASKS_PER_NODE";
  if (!variables.has(name) && variables.number("SLURM_STEP_NUM_NODES").value_or(Number{0, ""}).value == 1)
    return {world.value, "SLURM_STEP_NUM_NODES"};
  if (!variables.has(name)) variables.refuse(fmt::format("SLURM_STEP_ID is set and {} is not", name));
  const auto tasks = tasks_of_nodes(variables.text(name));
  if (!tasks)
    variables.refuse(fmt::format("{} is \"{}\", expected counts as in \"2(x3),1\"", name, variables.text(name)));
  const int64_t sum = std::accumulate(tasks->begin(), tasks->end(), int64_t{0});
  if (sum != world.value)
    variables.refuse(fmt::format("{} is {}, and {} is \"{}\", which makes {}", world.from, world.value, name,
                                 variables.text(name), sum));
  const Number node = variables.number_beside("SLURM_NODEID", "SLURM_STEP_ID");
  if (static_cast<size_t>(node.value) >= tasks->size())
    variables.refuse(fmt::format("SLURM_NODEID is {}, and {} is \"{}\", of {} machines", node.value, name,
                                 variables.text(name), tasks->size()));
  return {(*tasks)[static_cast<size_t>(node.value)], fmt::format("{} and SLURM_NODEID", name)};
}

Found read_slurm(const Variables& variables) {
  constexpr const char* sign = "SLURM_STEP_ID";
  Found found;
  // Steps that Slurm makes itself have numbers beyond those of tasks.
  const std::string step = variables.text(sign);
  if (step.find_first_not_of("0123456789") != std::string::npos)
    variables.refuse(fmt::format("{} is \"{}\", expected a number", sign, step));
  found.rank = variables.number_beside("SLURM_PROCID", sign);
  // A step has its own number; that of the job may be another.
  const auto of_step = variables.number("SLURM_STEP_NUM_TASKS");
  found.world = of_step ? *of_step : variables.number_beside("SLURM_NTASKS", sign);
  found.local_rank = variables.number_beside("SLURM_LOCALID", sign);
  found.local_world = tasks_here(variables, found.world);
  const char* id = variables.has("SLURM_JOB_ID") ? "SLURM_JOB_ID" : "SLURM_JOBID";
  if (!variables.has(id)) variables.refuse("SLURM_STEP_ID is set and SLURM_JOB_ID is not");
  set_job(found, variables, fmt::format("slurm-{}.{}", variables.text(id), step), fmt::format("{} and {}", id, sign),
          "SLURM_RESTART_COUNT");
  return found;
}

}  // namespace

bool present(Launcher launcher, const Environment& environment) {
  const Variables variables(environment, "");
  switch (launcher) {
    case Launcher::none:
      return false;
    case Launcher::local:
      return variables.has("SELFSUP_LAUNCHER");
    case Launcher::pytorch:
      return variables.has("RANK") || variables.has("WORLD_SIZE");
    case Launcher::mpi:
      return variables.has("OMPI_COMM_WORLD_RANK") || variables.has("OMPI_COMM_WORLD_SIZE");
    case Launcher::slurm:  // SLURM_PROCID alone: a batch script, which is one process
      return variables.has("SLURM_STEP_ID");
  }
  return false;
}

const char* sign_of(Launcher launcher) {
  switch (launcher) {
    case Launcher::none:
      break;
    case Launcher::local:
      return "SELFSUP_LAUNCHER";
    case Launcher::pytorch:
      return "RANK and WORLD_SIZE";
    case Launcher::mpi:
      return "OMPI_COMM_WORLD_RANK";
    case Launcher::slurm:
      return "SLURM_STEP_ID";
  }
  return "";
}

const char* remedy_of(Launcher launcher) {
  switch (launcher) {
    case Launcher::none:
      break;
    case Launcher::local:
      return "--launcher local sets these variables for its ranks: take SELFSUP_LAUNCHER out of the environment";
    case Launcher::pytorch:
      return "torchrun sets RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE: set all of them or none, or train in "
             "one "
             "process with --launcher none";
    case Launcher::mpi:
      return "mpirun sets OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK and _LOCAL_SIZE: take them all out of the "
             "environment, or train in one process with --launcher none";
    case Launcher::slurm:
      return "srun sets SLURM_STEP_ID and what belongs to it: take SLURM_STEP_ID out of the environment, or train in "
             "one "
             "process with --launcher none";
  }
  return "";
}

Found read_found(Launcher launcher, const Environment& environment, std::optional<int64_t> local_rank_flag) {
  const Variables variables(environment, remedy_of(launcher));
  switch (launcher) {
    case Launcher::none:
      break;
    case Launcher::local:
      return read_local(variables);
    case Launcher::pytorch:
      return read_pytorch(variables, local_rank_flag);
    case Launcher::mpi:
      return read_mpi(variables);
    case Launcher::slurm:
      return read_slurm(variables);
  }
  return {};
}

}  // namespace selfsup::launch
