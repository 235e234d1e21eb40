// Leaks are told from references that other threads drop.
#include "bridge/components/leak_watch.h"

#include <thread>

#include "bridge/support/captured_log.h"
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {

TEST_CASE("references that another thread drops in the same step are no leak") {
  Host host;
  const plugin::Registry registry(host.table());
  const Facts facts;
  model::ParameterStore store;
  Session session{host.state(), registry, facts, store};
  Instance& instance = *session.instances.emplace_back(std::make_unique<Instance>());
  instance.label = "model (Fake)";
  instance.references = 1;

  const bool dropped = GENERATE(true, false);
  const CapturedLog log;
  Handles& handles = host.state().handles;
  LeakWatch watch;
  for (int step = 0; step < 60; ++step) {
    int64_t* before = handles.set_account(&instance.references);
    const ssp_tensor taken = give(host, at::zeros({1}));
    handles.retain(taken);
    handles.set_account(before);
    if (dropped) {
      std::thread([&] {
        release(taken);
        release(taken);
      }).join();
    }
    watch.look(session);
  }
  CHECK((log.text().find("model (Fake): it holds") == std::string::npos) == dropped);
}

}  // namespace selfsup::bridge::testing
