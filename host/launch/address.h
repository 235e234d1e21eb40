// Where the ranks meet, as it was asked for: shared by the resolver and our launcher. Knows no socket.
#pragma once
#include <optional>
#include <string>

#include "launch/ranks.h"
#include "launch/variables.h"

namespace selfsup::launch {

// "localhost", "127.0.0.1" and its neighbours, "::1": a machine that each calls itself.
bool is_loopback(const std::string& address);

// --master-port, else env_cfg.dist_cfg.port, else MASTER_PORT; none: nobody has said. Error(usage) outside 1 to 65535.
std::optional<Number> asked_port(const Asked& asked, const Stated& stated, const Environment& environment);

// Of ranks on several machines: --master-addr, else MASTER_ADDR, else `first_of_list`, if that is given. Error(usage)
// for a loopback address, or none.
Origin asked_address(const Asked& asked, const Environment& environment,
                     const std::optional<std::string>& first_of_list);

inline constexpr int default_port = 29500;

}  // namespace selfsup::launch
