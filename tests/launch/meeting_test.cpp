#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "base/errors.h"
#include "base/json.h"
#include "environment.h"
#include "launch/port.h"
#include "launch/ranks.h"

namespace selfsup::launch {
namespace {

using testing::environment_of;

Meeting met(const std::string& environment, const Asked& asked = {}, const Stated& stated = {}) {
  return find_meeting(find_ranks(asked, environment_of(environment)), asked, stated, environment_of(environment));
}

// "127.0.0.1:29500 alone served", as far as it is so.
std::string place(const Meeting& meeting) {
  return meeting.address + ":" + std::to_string(meeting.port) + (meeting.one_machine ? " alone" : "") +
         (meeting.served ? " served" : "");
}

std::string refusal(const std::string& environment, const Asked& asked = {}, const Stated& stated = {}) {
  try {
    met(environment, asked, stated);
  } catch (const Error& error) {
    CHECK(error.exit() == Exit::usage);
    return error.what();
  }
  return "(nothing was refused)";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string torchrun_of_two =
    testing::torchrun + "RANK=2 WORLD_SIZE=4 LOCAL_RANK=0 GROUP_WORLD_SIZE=2 MASTER_ADDR=node1 ";
const std::string mpirun_of_two =
    testing::mpirun + "OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=0 ";
const std::string srun_of_one = testing::srun +
                                "SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2 SLURM_NODEID=0 SLURM_LOCALID=1 "
                                "SLURM_STEP_NUM_NODES=1 SLURM_STEP_TASKS_PER_NODE=2 SLURM_STEP_NODELIST=node08 ";

}  // namespace

TEST_CASE("one process meets nobody, whatever ports are set") {
  const Meeting meeting = met("MASTER_PORT=http MASTER_ADDR=node1");
  CHECK(meeting.port == 0);
  CHECK(meeting.listener == -1);
  CHECK(text_of(meeting.table) == "  meeting  none  one process");
}

TEST_CASE("the port: flag, configuration, MASTER_PORT, the job, the default") {
  Asked asked;
  asked.master_port = 29800;
  const Stated stated{29600, "c.json:3:5"};
  const std::string chosen = srun_of_one + "MASTER_PORT=29700 ";
  CHECK(place(met(chosen, asked, stated)) == "127.0.0.1:29800 alone");
  CHECK(place(met(chosen, {}, stated)) == "127.0.0.1:29600 alone");
  CHECK(place(met(chosen)) == "127.0.0.1:29700 alone");
  CHECK(met(chosen, {}, stated).table.back().from == "c.json:3:5: env_cfg.dist_cfg.port");
  CHECK(place(met(testing::srun)) == "node08:29500");

  // Two jobs of one machine, that have no port: each has one of its own, which all its ranks know.
  const int first = met(srun_of_one).port;
  CHECK(first >= 20000);
  CHECK(first < 29500);
  CHECK(met(srun_of_one + "SLURM_PROCID=0 SLURM_LOCALID=0").port == first);
  CHECK(met(srun_of_one + "SLURM_JOB_ID=72").port != first);
  CHECK(met(testing::mpirun).port != met(testing::mpirun + "PMIX_NAMESPACE=1811480578").port);

  CHECK(contains(refusal(chosen + "MASTER_PORT=65536"), "MASTER_PORT: port 65536, expected 1 to 65535"));
  CHECK(contains(refusal(chosen + "MASTER_PORT=http"), "MASTER_PORT is \"http\""));
  CHECK(contains(refusal(chosen, {}, {0, "c.json:3:5"}), "c.json:3:5: env_cfg.dist_cfg.port: port 0"));
}

TEST_CASE("the address: flag, MASTER_ADDR, Slurm's first machine, or loopback on one machine") {
  Asked asked;
  asked.master_addr = "node9";
  CHECK(place(met(testing::srun + "MASTER_ADDR=node5", asked)) == "node9:29500");
  CHECK(place(met(testing::srun + "MASTER_ADDR=node5")) == "node5:29500");
  CHECK(place(met(testing::srun + "SLURM_STEP_NODELIST= SLURM_JOB_NODELIST=a[1-2]")) == "a1:29500");
  CHECK(place(met(srun_of_one + "MASTER_ADDR=node5 MASTER_PORT=1", asked)) == "127.0.0.1:1 alone");
  CHECK(place(met(mpirun_of_two + "MASTER_ADDR=node1")) == "node1:29500");
  CHECK(contains(refusal(mpirun_of_two), "nothing says where they meet: set MASTER_ADDR"));
  CHECK(contains(refusal(mpirun_of_two + "MASTER_ADDR=127.0.0.1"), "MASTER_ADDR is 127.0.0.1"));
  CHECK(contains(refusal(mpirun_of_two + "MASTER_ADDR=localhost"), "MASTER_ADDR is localhost"));
  CHECK(contains(refusal(torchrun_of_two + "MASTER_ADDR=::1"), "MASTER_ADDR is ::1"));
  CHECK(contains(refusal(testing::srun + "SLURM_STEP_NODELIST=node["), "SLURM_STEP_NODELIST is \"node[\""));
}

TEST_CASE("torchrun's own store serves, unless another place is named") {
  CHECK(place(met(testing::torchrun + "MASTER_ADDR=localhost")) == "localhost:29500 alone served");
  CHECK(place(met(torchrun_of_two)) == "node1:29500 served");
  CHECK(place(met(testing::torchrun + "TORCHELASTIC_USE_AGENT_STORE=False")) == "127.0.0.1:29500 alone");
  CHECK(place(met(testing::torchrun + "TORCHELASTIC_USE_AGENT_STORE=")) == "127.0.0.1:29500 alone");
  CHECK(place(met(testing::torchrun, {}, {29600, "c.json:3:5"})) == "127.0.0.1:29600 alone");
  CHECK(place(met(testing::torchrun, {}, {29500, "c.json:3:5"})) == "127.0.0.1:29500 alone served");
  Asked asked;
  asked.master_addr = "node2";
  CHECK(place(met(torchrun_of_two, asked)) == "node2:29500");
  CHECK(contains(refusal(testing::torchrun + "MASTER_PORT="), "TORCHELASTIC_USE_AGENT_STORE is True"));
}

TEST_CASE("a rank of our launcher meets where that has said") {
  const Stated stated{29600, "c.json:3:5"};
  CHECK(place(met(testing::ours, {}, stated)) == "127.0.0.1:41234 alone");
  const std::string first = testing::ours + "RANK=0 LOCAL_RANK=0 ";
  CHECK(met(first + "SELFSUP_LISTENER=5").listener == 5);
  CHECK(met(testing::ours + "SELFSUP_LISTENER=5").listener == -1);
  CHECK(contains(refusal(first), "SELFSUP_LISTENER is not"));
  CHECK(contains(refusal(testing::ours + "MASTER_PORT="), "MASTER_PORT is not"));
  CHECK(contains(refusal(testing::ours + "MASTER_PORT=0"), "MASTER_PORT is 0"));
  CHECK(contains(refusal(testing::ours + "MASTER_ADDR="), "MASTER_ADDR is not"));
  CHECK(place(met(first + "WORLD_SIZE=4 MASTER_ADDR=node1")) == "node1:41234");
}

TEST_CASE("the port that a configuration states, with its place") {
  const Json config = parse_json(R"({"env_cfg": {"dist_cfg": {"port": 29600}}})", "c.json", "file");
  const Stated stated = stated_in(config);
  CHECK(stated.port == 29600);
  CHECK(stated.source == "c.json:1:35");
  CHECK_FALSE(stated_in(parse_json(R"({"env_cfg": {"dist_cfg": {"port": null}}})", "c.json", "file")).port);
  CHECK_FALSE(stated_in(parse_json("{}", "c.json", "file")).port);
  CHECK_THROWS_AS(stated_in(parse_json(R"({"env_cfg": {"dist_cfg": {"port": "x"}}})", "c.json", "file")), Error);
}

TEST_CASE("a listener is on loopback alone, and a port that is taken is told with who has it") {
  const Listener listener = listen_on_loopback(0, "");
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(listener.descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  CHECK(address.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK(ntohs(address.sin_port) == listener.port);
  int listens = 0;
  size = sizeof listens;
  REQUIRE(::getsockopt(listener.descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0);
  CHECK(listens == 1);

  std::string text;
  try {
    listen_on_loopback(listener.port, "--master-port");
  } catch (const Error& error) {
    CHECK(error.exit() == Exit::usage);
    text = error.what();
  }
  CHECK(contains(
      text, "port " + std::to_string(listener.port) + " is in use by process " + std::to_string(::getpid()) + " ("));
  CHECK(contains(text, "launch_test"));
  CHECK(contains(text, "--master-port asks for it"));
  CHECK_FALSE(contains(text, "\n"));
  ::close(listener.descriptor);
  const Listener again = listen_on_loopback(listener.port, "--master-port");
  CHECK(again.port == listener.port);
  ::close(again.descriptor);
  CHECK(holder_of_port(again.port) == "another process");
}

}  // namespace selfsup::launch
