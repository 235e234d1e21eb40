#include <fmt/format.h>

#include "base/errors.h"
#include "base/json.h"
#include "launch/address.h"
#include "launch/asked.h"
#include "launch/found.h"
#include "launch/hosts.h"
#include "launch/ranks.h"
#include "launch/variables.h"

namespace selfsup::launch {
namespace {

// Below the ports that Linux gives to connections, so that none of those is in the way.
int port_of_job(const std::string& job) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (const unsigned char byte : job) hash = (hash ^ byte) * 16777619u;
  return 20000 + static_cast<int>(hash % 9500u);
}

// Our launcher has settled it, from the same flags and the same file.
Meeting met_by_local(const Ranks& ranks, const Environment& environment) {
  const Variables variables(environment, remedy_of(Launcher::local));
  Meeting meeting;
  meeting.one_machine = ranks.local_world == ranks.world;
  if (!variables.has("MASTER_ADDR")) variables.refuse("SELFSUP_LAUNCHER is set and MASTER_ADDR is not");
  meeting.address = variables.text("MASTER_ADDR");
  const Number port = variables.number_beside("MASTER_PORT", "SELFSUP_LAUNCHER");
  if (port.value < 1 || port.value > 65535)
    variables.refuse(fmt::format("MASTER_PORT is {}, expected 1 to 65535", port.value));
  meeting.port = port.value;
  meeting.table = {{"address", meeting.address, "MASTER_ADDR, of our launcher"},
                   {"port", std::to_string(meeting.port), "MASTER_PORT, of our launcher"}};
  if (ranks.rank == 0 && meeting.one_machine) {
    const Number listener = variables.number_beside("SELFSUP_LISTENER", "SELFSUP_LAUNCHER");
    meeting.listener = listener.value;
    meeting.table.push_back({"listener", std::to_string(listener.value), "SELFSUP_LISTENER, open since the start"});
  }
  return meeting;
}

std::optional<std::string> first_machine(const Environment& environment) {
  const Variables variables(environment, remedy_of(Launcher::slurm));
  for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"}) {
    if (!variables.has(name)) continue;
    const auto host = first_host(variables.text(name));
    if (!host)
      variables.refuse(fmt::format("{} is \"{}\", expected names of machines, as in node[01-03,07],other", name,
                                   variables.text(name)));
    return host;
  }
  return std::nullopt;
}

// torchrun's agent serves a store at MASTER_ADDR and MASTER_PORT, unless the user has named another place.
bool served_by_agent(const Ranks& ranks, const Asked& asked, const std::optional<Number>& port,
                     const Variables& variables) {
  if (ranks.launcher != Launcher::pytorch || variables.text("TORCHELASTIC_USE_AGENT_STORE") != "True") return false;
  const auto serving = variables.number("MASTER_PORT");
  if (!serving || !variables.has("MASTER_ADDR"))
    variables.refuse("TORCHELASTIC_USE_AGENT_STORE is True, and MASTER_ADDR and MASTER_PORT do not say where that is");
  return port && port->value == serving->value &&
         asked.master_addr.value_or(variables.text("MASTER_ADDR")) == variables.text("MASTER_ADDR");
}

Number port_nobody_asked_for(const Ranks& ranks, bool one_machine) {
  const bool told_job = ranks.launcher == Launcher::slurm || ranks.launcher == Launcher::mpi;
  if (one_machine && told_job) return {port_of_job(ranks.job), "follows from the job; MASTER_PORT chooses another"};
  return {default_port, "the default"};
}

}  // namespace

Stated stated_in(const Json& config) {
  Stated stated;
  const Json* port = config.at_path("env_cfg.dist_cfg.port");
  if (!port || port->is_null()) return stated;
  stated.port = port->as_int();
  stated.source = describe(port->source);
  return stated;
}

Meeting find_meeting(const Ranks& ranks, const Asked& asked, const Stated& stated, const Environment& environment) {
  if (ranks.world == 1) {
    Meeting meeting;
    meeting.address = "127.0.0.1";
    meeting.table = {{"meeting", "none", "one process"}};
    return meeting;
  }
  if (ranks.launcher == Launcher::local) return met_by_local(ranks, environment);
  const std::optional<Number> port = asked_port(asked, stated, environment);
  const Variables variables(environment, remedy_of(ranks.launcher));
  Meeting meeting;
  meeting.one_machine = ranks.local_world == ranks.world;
  meeting.served = served_by_agent(ranks, asked, port, variables);
  Origin address{"address", "127.0.0.1", "all ranks are on this machine"};
  if (meeting.served && meeting.one_machine) {
    address = {"address", variables.text("MASTER_ADDR"), "MASTER_ADDR"};
  } else if (!meeting.one_machine) {
    const auto first = ranks.launcher == Launcher::slurm ? first_machine(environment) : std::nullopt;
    address = asked_address(asked, environment, first);
  }
  meeting.address = address.value;
  const Number chosen = port ? *port : port_nobody_asked_for(ranks, meeting.one_machine);
  meeting.port = chosen.value;
  meeting.table = {address, {"port", std::to_string(chosen.value), chosen.from}};
  if (meeting.served) meeting.table.push_back({"store", "torchrun's", "TORCHELASTIC_USE_AGENT_STORE"});
  return meeting;
}

}  // namespace selfsup::launch
