#include "bridge/fused_use.h"

#include <fmt/format.h>

#include "base/log.h"

namespace selfsup::bridge {

void FusedUse::fell_back(const std::string& who, const std::string& what, const std::string& reason) {
  if (!told_.emplace(who, what + reason).second) return;
  log_info(fmt::format("{}: single operators in place of a fused {}: {}", who, what, reason));
}

}  // namespace selfsup::bridge
