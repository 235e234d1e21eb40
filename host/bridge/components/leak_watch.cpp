#include "bridge/components/leak_watch.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "bridge/host_state.h"

namespace selfsup::bridge {

void LeakWatch::look(const Session& session) {
  const int64_t live = session.host.handles.live();
  if (live <= std::exchange(live_, live)) {
    growing_ = 0;
    at_start_.clear();
    for (const auto& instance : session.instances) at_start_.push_back(instance->references);
    return;
  }
  if (++growing_ < kSteps || told_) return;
  told_ = true;
  const Instance* worst = nullptr;
  int64_t most = 0;
  for (size_t i = 0; i < session.instances.size(); ++i) {
    const int64_t growth = session.instances[i]->references - at_start_[i];
    if (growth <= most) continue;
    worst = session.instances[i].get();
    most = growth;
  }
  if (!worst) return;
  log_warning(
      fmt::format("{}: it holds {} more tensor handles than {} steps ago, and more with every step: something is "
                  "retained and never released",
                  worst->label, most, growing_));
}

}  // namespace selfsup::bridge
