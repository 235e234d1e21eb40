#include "launch/ranks.h"

#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "base/errors.h"
#include "environment.h"
#include "launch/hosts.h"
#include "launch/plan.h"

namespace selfsup::launch {
namespace {

using testing::environment_of;

// The numbers, by name: "launcher=slurm rank=2/4 local=0/2 job=slurm-71.0".
std::string found(const std::string& environment, const Asked& asked = {}) {
  const Ranks ranks = find_ranks(asked, environment_of(environment));
  return std::string(name_of(ranks.launcher)) + " " + std::to_string(ranks.rank) + "/" + std::to_string(ranks.world) +
         " " + std::to_string(ranks.local_rank) + "/" + std::to_string(ranks.local_world) + " " + ranks.job;
}

Asked by(const std::string& launcher) {
  Asked asked;
  asked.launcher = launcher;
  return asked;
}

}  // namespace

TEST_CASE("each launcher is known by what it sets") {
  CHECK(found("") == "none 0/1 0/1 ");
  CHECK(found(testing::torchrun) == "pytorch 1/2 1/2 pytorch-127.0.0.1:29500");
  CHECK(found(testing::torchrun + "TORCHELASTIC_RUN_ID=x7 TORCHELASTIC_RESTART_COUNT=2") ==
        "pytorch 1/2 1/2 pytorch-x7/2");
  CHECK(found(testing::mpirun) == "mpi 1/2 1/2 mpi-1811480577");
  CHECK(found(testing::mpirun + "PMIX_NAMESPACE= OMPI_MCA_ess_base_jobid=55") == "mpi 1/2 1/2 mpi-55");
  CHECK(found(testing::srun) == "slurm 2/4 0/2 slurm-71.0");
  CHECK(found(testing::srun + "SLURM_RESTART_COUNT=1") == "slurm 2/4 0/2 slurm-71.0/1");
  CHECK(found(testing::srun + "SLURM_NODEID=1 SLURM_LOCALID=1 SLURM_PROCID=3") == "slurm 3/4 1/2 slurm-71.0");
  CHECK(found(testing::ours) == "local 1/2 1/2 local-7-00000000");
  CHECK(found(testing::mpirun + "SELFSUP_JOB=mine") == "mpi 1/2 1/2 mine");
}

TEST_CASE("the inner launcher wins, unless another one is named") {
  const std::string all = testing::srun + testing::mpirun + testing::torchrun;
  CHECK(found(all) == "pytorch 1/2 1/2 pytorch-127.0.0.1:29500");
  CHECK(found(testing::srun + testing::mpirun) == "mpi 1/2 1/2 mpi-1811480577");
  CHECK(found(all, by("slurm")) == "slurm 2/4 0/2 slurm-71.0");
  CHECK(found(all, by("mpi")) == "mpi 1/2 1/2 mpi-1811480577");
  CHECK(found(all + testing::ours) == "local 1/2 1/2 local-7-00000000");
  CHECK(found(all, by("none")) == "none 0/1 0/1 ");
  CHECK(found(testing::torchrun, by("auto")) == found(testing::torchrun));
}

TEST_CASE("the table says where each number is from, and what was passed over") {
  const Ranks ranks = find_ranks({}, environment_of(testing::srun + testing::torchrun));
  CHECK(text_of(ranks.table) ==
        "  launcher               pytorch                  RANK and WORLD_SIZE; not SLURM_STEP_ID\n"
        "  rank                   1                        RANK\n"
        "  ranks                  2                        WORLD_SIZE\n"
        "  rank on this machine   1                        LOCAL_RANK\n"
        "  ranks on this machine  2                        LOCAL_WORLD_SIZE\n"
        "  job                    pytorch-127.0.0.1:29500  MASTER_ADDR and MASTER_PORT");
  CHECK(text_of(find_ranks(by("none"), environment_of(testing::mpirun)).table) ==
        "  launcher  none  --launcher; not OMPI_COMM_WORLD_RANK\n"
        "  ranks     1     one process");
}

TEST_CASE("a batch script of Slurm's is one process, and its step is not the job") {
  const std::string batch = "SLURM_JOB_ID=71 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NTASKS=8 SLURM_NODEID=0 ";
  CHECK(found(batch) == "none 0/1 0/1 ");
  CHECK(text_of(find_ranks({}, environment_of(batch)).table).find("its 8 tasks") != std::string::npos);
  // A shell of one task in a job of eight.
  CHECK(found(batch + "SLURM_STEP_ID=4294967290 SLURM_STEP_NUM_TASKS=1 SLURM_STEP_TASKS_PER_NODE=1") ==
        "slurm 0/1 0/1 slurm-71.4294967290");
}

TEST_CASE("a number alone for each machine, or without the number of a machine's ranks") {
  CHECK(found("RANK=3 WORLD_SIZE=4 MASTER_ADDR=node1") == "pytorch 3/4 0/1 pytorch-node1:-");
  CHECK(found("RANK=3 WORLD_SIZE=4 LOCAL_RANK=3 MASTER_ADDR=localhost") == "pytorch 3/4 3/4 pytorch-localhost:-");
  Asked older;
  older.local_rank = 3;
  CHECK(found("RANK=3 WORLD_SIZE=4", older) == "pytorch 3/4 3/4 pytorch--:-");
  older.local_rank = 1;
  CHECK(found(testing::torchrun, older) == found(testing::torchrun));
}

TEST_CASE("contradictions are refused, with the variables and their values") {
  const std::string& torchrun = testing::torchrun;
  const std::string& mpirun = testing::mpirun;
  const std::string& srun = testing::srun;
  const std::string& ours = testing::ours;
  struct Refused {
    std::string environment, says;
    void (*ask)(Asked&) = [](Asked&) {};
  };
  const std::vector<Refused> cases = {
      {torchrun + "RANK=2", "RANK is 2, and WORLD_SIZE is 2: expected 0 to 1"},
      {torchrun + "RANK=-1", "RANK is \"-1\", expected a whole number"},
      {torchrun + "RANK=one", "RANK is \"one\""},
      {torchrun + "RANK=1.0", "RANK is \"1.0\""},
      {torchrun + "RANK=+1", "RANK is \"+1\""},
      {torchrun + "WORLD_SIZE=2147483648",
       "WORLD_SIZE is \"2147483648\", expected a whole number from 0 to 2147483647"},
      {torchrun + "WORLD_SIZE=99999999999999999999", "WORLD_SIZE is \"99999999999999999999\""},
      {torchrun + "WORLD_SIZE=0 GROUP_WORLD_SIZE=", "WORLD_SIZE is 0, expected at least 1"},
      {torchrun + "RANK=", "WORLD_SIZE is set and RANK is not"},
      {torchrun + "WORLD_SIZE=", "RANK is set and WORLD_SIZE is not"},
      {torchrun + "LOCAL_RANK=", "LOCAL_WORLD_SIZE is set and LOCAL_RANK is not"},
      {torchrun + "LOCAL_RANK=2", "LOCAL_RANK is 2, and LOCAL_WORLD_SIZE is 2"},
      {torchrun + "LOCAL_WORLD_SIZE=3 GROUP_WORLD_SIZE=", "LOCAL_WORLD_SIZE is 3, and WORLD_SIZE is 2"},
      {torchrun + "LOCAL_WORLD_SIZE=0 GROUP_WORLD_SIZE=", "LOCAL_WORLD_SIZE is 0, expected at least 1"},
      {torchrun + "WORLD_SIZE=5", "WORLD_SIZE is 5, of which 2 are on this machine"},
      {torchrun + "GROUP_WORLD_SIZE=2", "GROUP_WORLD_SIZE says that there are 2 machines"},
      {torchrun + "LOCAL_WORLD_SIZE= MASTER_ADDR=node1", "LOCAL_RANK is set and LOCAL_WORLD_SIZE is not"},
      {torchrun, "--local-rank is 0, and LOCAL_RANK is 1", [](Asked& asked) { asked.local_rank = 0; }},
      {"", "--local-rank is 1, and no launcher", [](Asked& asked) { asked.local_rank = 1; }},
      {torchrun, "--nnodes is of --launcher local; found with launcher pytorch",
       [](Asked& asked) { asked.launcher = "pytorch", asked.nnodes = 2; }},
      {"", "--nproc-per-node is of --launcher local", [](Asked& asked) { asked.nproc_per_node = 2; }},
      {srun, "--max-restarts is of --launcher local", [](Asked& asked) { asked.max_restarts = 1; }},
      {"", "--launcher pytorch: RANK and WORLD_SIZE are not set", [](Asked& asked) { asked.launcher = "pytorch"; }},
      {torchrun, "--launcher mpi: OMPI_COMM_WORLD_RANK is not set", [](Asked& asked) { asked.launcher = "mpi"; }},
      {"SLURM_PROCID=0", "--launcher slurm: SLURM_STEP_ID is not set", [](Asked& asked) { asked.launcher = "slurm"; }},
      {"", "--launcher local starts processes that train", [](Asked& asked) { asked.launcher = "local"; }},
      {"", "--launcher is one of auto, none", [](Asked& asked) { asked.launcher = "slrum"; }},
      {mpirun + "OMPI_COMM_WORLD_SIZE=", "OMPI_COMM_WORLD_RANK is set and OMPI_COMM_WORLD_SIZE is not"},
      {mpirun + "OMPI_COMM_WORLD_LOCAL_SIZE=", "OMPI_COMM_WORLD_LOCAL_SIZE is not"},
      {mpirun + "OMPI_COMM_WORLD_LOCAL_RANK=2", "OMPI_COMM_WORLD_LOCAL_RANK is 2"},
      {srun + "SLURM_PROCID=", "SLURM_STEP_ID is set and SLURM_PROCID is not"},
      {srun + "SLURM_STEP_ID=x", "SLURM_STEP_ID is \"x\""},
      {srun + "SLURM_STEP_NUM_TASKS=5",
       "SLURM_STEP_NUM_TASKS is 5, and SLURM_STEP_TASKS_PER_NODE is \"2(x2)\", which makes 4"},
      {srun + "SLURM_STEP_TASKS_PER_NODE=2(x", "SLURM_STEP_TASKS_PER_NODE is \"2(x\""},
      {srun + "SLURM_STEP_TASKS_PER_NODE=", "SLURM_STEP_TASKS_PER_NODE is not"},
      {srun + "SLURM_NODEID=2", "SLURM_NODEID is 2"},
      {srun + "SLURM_LOCALID=", "SLURM_LOCALID is not"},
      {srun + "SLURM_JOB_ID=", "SLURM_JOB_ID is not"},
      {ours + "WORLD_SIZE=3", "WORLD_SIZE is 3, which is no multiple of LOCAL_WORLD_SIZE, 2"},
      {ours + "RANK=0", "expected LOCAL_RANK 0"},
      {ours + "LOCAL_RANK=", "SELFSUP_LAUNCHER is set and LOCAL_RANK is not"},
      {ours + "SELFSUP_JOB=", "SELFSUP_JOB is not"},
      {"SELFSUP_LAUNCHER=slurm", "SELFSUP_LAUNCHER is \"slurm\""},
  };
  for (const Refused& one : cases) {
    INFO(one.environment << "\nexpected: " << one.says);
    Asked asked;
    one.ask(asked);
    std::string text = "(nothing was refused)";
    try {
      find_ranks(asked, environment_of(one.environment));
    } catch (const Error& error) {
      CHECK(error.exit() == Exit::usage);
      text = error.what();
    }
    INFO(text);
    CHECK(text.find(one.says) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
  }
}

TEST_CASE("what our launcher is asked to do is refused before it starts anything") {
  struct Refused {
    std::string says;
    void (*ask)(Asked&);
    std::string environment = "";
    Stated stated = {};
  };
  const std::vector<Refused> cases = {
      {"--launcher local needs --nproc-per-node", [](Asked& asked) { asked.nproc_per_node.reset(); }},
      {"--nproc-per-node takes a whole number from 1 to 4096; found 0", [](Asked& asked) { asked.nproc_per_node = 0; }},
      {"--nproc-per-node takes a whole number", [](Asked& asked) { asked.nproc_per_node = int64_t{1} << 31; }},
      {"--nnodes takes a whole number from 1", [](Asked& asked) { asked.nnodes = 0; }},
      {"--nnodes takes a whole number", [](Asked& asked) { asked.nnodes = int64_t{1} << 31; }},
      {"more than 2147483647 ranks", [](Asked& asked) { asked.nnodes = 2147483647; }},
      {"--node-rank is 1, and --nnodes is 1", [](Asked& asked) { asked.node_rank = 1; }},
      {"--node-rank is 2, and --nnodes is 2", [](Asked& asked) { asked.nnodes = 2, asked.node_rank = 2; }},
      {"nothing says where they meet", [](Asked& asked) { asked.nnodes = 2; }},
      {"--master-addr is 127.0.0.1", [](Asked& asked) { asked.nnodes = 2, asked.master_addr = "127.0.0.1"; }},
      {"MASTER_ADDR is localhost", [](Asked& asked) { asked.nnodes = 2; }, "MASTER_ADDR=localhost"},
      {"--master-port takes a whole number from 1 to 65535; found 0", [](Asked& asked) { asked.master_port = 0; }},
      {"--master-port takes a whole number from 1 to 65535; found 65536",
       [](Asked& asked) { asked.master_port = 65536; }},
      {"MASTER_PORT is \"http\"", [](Asked&) {}, "MASTER_PORT=http"},
      {"MASTER_PORT: port 0", [](Asked&) {}, "MASTER_PORT=0"},
      {"MASTER_PORT: port 65536", [](Asked&) {}, "MASTER_PORT=65536"},
      {"c.json:3:5: env_cfg.dist_cfg.port: port 0", [](Asked&) {}, "", {0, "c.json:3:5"}},
      {"--max-restarts is for one machine",
       [](Asked& asked) { asked.nnodes = 2, asked.master_addr = "a", asked.max_restarts = 1; }},
      {"--local-rank is what launchers tell a rank", [](Asked& asked) { asked.local_rank = 0; }},
      {"this process is rank 1 of 2 itself, by pytorch", [](Asked&) {}, testing::torchrun},
      {"this process is rank 1 of 2 itself, by mpi", [](Asked&) {}, testing::mpirun},
      {"this process is rank 2 of 4 itself, by slurm", [](Asked&) {}, testing::srun},
      {"this process is rank 1 of 2 itself, by local", [](Asked&) {}, testing::ours},
  };
  for (const Refused& one : cases) {
    INFO("expected: " << one.says);
    Asked asked;
    asked.nproc_per_node = 2;
    one.ask(asked);
    std::string text = "(nothing was refused)";
    try {
      settle(asked, one.stated, environment_of(one.environment));
    } catch (const Error& error) {
      CHECK(error.exit() == Exit::usage);
      text = error.what();
    }
    INFO(text);
    CHECK(text.find(one.says) != std::string::npos);
  }
}

TEST_CASE("our launcher's plan: the port of whom comes first, and one name for the job on all machines") {
  Asked asked;
  asked.nproc_per_node = 2;
  const Stated stated{29600, "c.json:3:5"};
  const auto port = [&](const std::string& environment, const Stated& said) {
    const Plan plan = settle(asked, said, environment_of(environment));
    return plan.port ? std::to_string(plan.port->value) + " " + plan.port->from : "free";
  };
  CHECK(port("", {}) == "free");
  CHECK(port("MASTER_PORT=29700", {}) == "29700 MASTER_PORT");
  CHECK(port("MASTER_PORT=29700", stated) == "29600 c.json:3:5: env_cfg.dist_cfg.port");
  asked.master_port = 29800;
  CHECK(port("MASTER_PORT=http", stated).substr(0, 19) == "29800 --master-port");

  // So may a process that a platform has started on each machine, and told its number.
  CHECK(settle(asked, {}, environment_of("RANK=0 WORLD_SIZE=2 MASTER_ADDR=10.1.1.1 MASTER_PORT=23456")).world() == 2);
  CHECK(settle(asked, {}, environment_of("WORLD_SIZE=2")).world() == 2);
  // A shell of Slurm's with one task, or a batch script, may start ranks.
  CHECK(settle(asked, {}, environment_of("SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_NTASKS=8")).world() == 2);
  CHECK(settle(asked, {},
               environment_of("SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_STEP_ID=0 "
                              "SLURM_STEP_NUM_TASKS=1 SLURM_STEP_TASKS_PER_NODE=1"))
            .world() == 2);
  CHECK(settle(asked, {}, {}).job != settle(asked, {}, {}).job);
  asked.nnodes = 3, asked.master_addr = "node1", asked.master_port.reset();
  const Plan first = settle(asked, {}, {});
  asked.node_rank = 2;
  const Plan last = settle(asked, {}, {});
  CHECK(first.job == "local-3-node1:29500");
  CHECK(last.job == first.job);
  CHECK(last.world() == 6);
  CHECK(settle(asked, {}, environment_of("SELFSUP_JOB=mine")).job == "mine");
}

TEST_CASE("Slurm's lists of machines and tasks") {
  for (const auto& [list, first] : {std::pair<const char*, const char*>{"node[01-03,07],other", "node01"},
                                    {"node07", "node07"},
                                    {"a-[1-2]-x", "a-1-x"},
                                    {"a,b[1-2]", "a"},
                                    {"r[2,4]c[10-11]", "r2c10"},
                                    {"n[7]", "n7"},
                                    {"a.b.example", "a.b.example"}})
    CHECK(first_host(list) == first);
  for (const char* list : {"", ",a", "n[", "n[1-2", "n[]", "n]1", "n[a-b]", "[-2]"}) {
    INFO(list);
    CHECK_FALSE(first_host(list));
  }
  CHECK(tasks_of_nodes("2(x3),1") == std::vector{2, 2, 2, 1});
  CHECK(tasks_of_nodes("8") == std::vector{8});
  for (const char* list : {"", "2,", ",2", "0", "-1", "2(x0)", "2(x", "2(x3", "2x3", "2(x)", "2(x999999999)", "a"}) {
    INFO(list);
    CHECK_FALSE(tasks_of_nodes(list));
  }
}

}  // namespace selfsup::launch
