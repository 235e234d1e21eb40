#include "launch/plan.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <limits>

#include "base/errors.h"
#include "launch/address.h"
#include "launch/asked.h"

namespace selfsup::launch {
namespace {

[[noreturn]] void refuse(const std::string& text) { throw Error(Exit::usage, text); }

// Two jobs of one machine must not have one name; those of several machines must.
std::string job_name(const Plan& plan, const Environment& environment) {
  const std::string said = Variables(environment, "").text("SELFSUP_JOB");
  if (!said.empty()) return said;
  if (plan.nodes > 1) return fmt::format("local-{}-{}:{}", plan.nodes, plan.address, plan.port->value);
  uint32_t drawn = 0;
  if (::getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != sizeof drawn) drawn = 0;
  return fmt::format("local-{}-{:08x}", ::getpid(), drawn);
}

// A platform that starts one process on each machine may tell it that it is a rank: the machine's number, which is no
// word of ours. So is half a set of variables.
void check_not_nested(const Environment& environment) {
  Ranks ours;
  try {
    ours = find_ranks(Asked{}, environment);
  } catch (const Error&) {
    return;
  }
  if (ours.world > 1 && (ours.launcher == Launcher::local || ours.local_world > 1))
    refuse(fmt::format("--launcher local: this process is rank {} of {} itself, by {}; start ranks with one of the two",
                       ours.rank, ours.world, name_of(ours.launcher)));
}

}  // namespace

Plan settle(const Asked& asked, const Stated& stated, const Environment& environment) {
  check_flags(asked, Launcher::local);
  check_not_nested(environment);
  if (!asked.nproc_per_node)
    refuse("--launcher local needs --nproc-per-node, the number of ranks on this machine: one for each GPU");
  if (asked.local_rank)
    refuse("--local-rank is what launchers tell a rank; --launcher local starts them: take it away");
  Plan plan;
  const int64_t nodes = asked.nnodes.value_or(1), node = asked.node_rank.value_or(0);
  if (node >= nodes)
    refuse(fmt::format("--node-rank is {}, and --nnodes is {}: expected 0 to {}", node, nodes, nodes - 1));
  if (nodes > std::numeric_limits<int>::max() / *asked.nproc_per_node)
    refuse(fmt::format("--nnodes is {} and --nproc-per-node is {}: more than 2147483647 ranks", nodes,
                       *asked.nproc_per_node));
  plan.local_world = static_cast<int>(*asked.nproc_per_node);
  plan.nodes = static_cast<int>(nodes), plan.node = static_cast<int>(node);
  plan.max_restarts = static_cast<int>(asked.max_restarts.value_or(0));
  if (plan.nodes > 1 && plan.max_restarts > 0)
    refuse(
        fmt::format("--max-restarts is for one machine, and --nnodes is {}: the launchers of several cannot agree on "
                    "a restart; start all of them anew, with --resume",
                    plan.nodes));
  plan.port = asked_port(asked, stated, environment);
  plan.address = "127.0.0.1";
  if (plan.nodes > 1) {
    plan.address = asked_address(asked, environment, std::nullopt).value;
    if (!plan.port) plan.port = Number{default_port, "the default"};
  }
  plan.job = job_name(plan, environment);
  return plan;
}

}  // namespace selfsup::launch
