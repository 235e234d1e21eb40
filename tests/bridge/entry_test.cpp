// Plugins on the real host until they are registered: what init resolves, and what is undone when it cannot.
#include "base/errors.h"
#include "bridge/support/captured_log.h"
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

std::string entry(const std::string& name) { return SELFSUP_BRIDGE_ENTRY + name + ".so"; }

}  // namespace

TEST_CASE("a plugin that needs an operator or argument beyond the SDK's list is refused, and undone") {
  const auto [name, text] = GENERATE(table<std::string, std::string>({
      {"operator", "operator aten::resize_ is not in the list that this host's SDK promises (sdk/ops-1.txt); use one"},
      {"argument", "operator aten::exp: argument 'out' is not in the list that this host's SDK promises: (self)"},
  }));
  const CapturedLog log;
  {
    Host host;
    plugin::Registry registry(host.table());
    try {
      registry.load(entry(name));
      FAIL("it was loaded");
    } catch (const Error& error) {
      CHECK(error.exit() == Exit::plugin);
      CHECK_THAT(error.what(), Contains("bridge_entry_" + name + " 1.0.0 (") && Contains("init: " + text));
    }
    CHECK(registry.plugins().empty());
    CHECK(registry.of_kind(SSP_KIND_BACKBONE).empty());
    CHECK(registry.load(entry("good")).file.note.id == "bridge_entry_good");  // with a component of the same name
  }
  CHECK_THAT(log.text(), Contains("[bridge_entry_" + name + "] init:"));
  CHECK_THAT(log.text(), !Contains("[bridge_entry_" + name + "] shutdown:"));
}

TEST_CASE("operators are resolved in init alone, and every message has its plugin's name") {
  const CapturedLog log;
  {
    Host host;
    plugin::Registry registry(host.table());
    registry.load(entry("good"));
  }
  for (const char* line : {"init: resolve gives 0", "get_factory: resolve gives 8", "shutdown: resolve gives 8"})
    CHECK_THAT(log.text(), Contains(std::string("[bridge_entry_good] ") + line));
}

}  // namespace selfsup::bridge::testing
