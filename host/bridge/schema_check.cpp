#include "bridge/schema_check.h"

#include "bridge/create.h"

namespace selfsup::bridge {

std::shared_ptr<const Json> check_overridden(const plugin::Component& component, std::shared_ptr<const Json> node,
                                             const std::string& path) {
  (void)component;
  (void)path;
  return node;
}

}  // namespace selfsup::bridge
