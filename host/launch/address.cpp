#include "launch/address.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::launch {
namespace {

Number port_of(int64_t value, const std::string& from) {
  if (value < 1 || value > 65535)
    throw Error(Exit::usage,
                fmt::format("{}: port {}, expected 1 to 65535; leave it away for one that is chosen", from, value));
  return {static_cast<int>(value), from};
}

}  // namespace

bool is_loopback(const std::string& address) {
  return address == "localhost" || address.rfind("localhost.", 0) == 0 || address.rfind("127.", 0) == 0 ||
         address == "::1" || address == "ip6-localhost";
}

std::optional<Number> asked_port(const Asked& asked, const Stated& stated, const Environment& environment) {
  std::optional<Number> port;
  if (stated.port) port = port_of(*stated.port, fmt::format("{}: env_cfg.dist_cfg.port", stated.source));
  if (asked.master_port) return port_of(*asked.master_port, "--master-port (PORT of dist_train.sh)");
  if (port) return port;
  const auto found = environment.find("MASTER_PORT");
  if (found == environment.end() || found->second.empty()) return std::nullopt;
  const auto number = whole_number(found->second);
  if (!number)
    throw Error(Exit::usage,
                fmt::format("MASTER_PORT is \"{}\", expected a port from 1 to 65535; --master-port comes before it",
                            found->second));
  return port_of(*number, "MASTER_PORT");
}

Origin asked_address(const Asked& asked, const Environment& environment,
                     const std::optional<std::string>& first_of_list) {
  const Variables variables(environment, "");
  Origin address{"address", "", ""};
  if (asked.master_addr) {
    address.value = *asked.master_addr, address.from = "--master-addr";
  } else if (variables.has("MASTER_ADDR")) {
    address.value = variables.text("MASTER_ADDR"), address.from = "MASTER_ADDR";
  } else if (first_of_list) {
    address.value = *first_of_list, address.from = "the first machine of Slurm's list";
  } else {
    throw Error(Exit::usage,
                "the ranks are on several machines, and nothing says where they meet: set MASTER_ADDR, or give "
                "--master-addr, to a name or number of the machine of rank 0 by which the others reach it");
  }
  if (is_loopback(address.value))
    throw Error(Exit::usage,
                fmt::format("{} is {}, by which each machine calls itself, and the ranks are on several machines; give "
                            "a name or number of the machine of rank 0 by which the others reach it",
                            address.from, address.value));
  return address;
}

}  // namespace selfsup::launch
