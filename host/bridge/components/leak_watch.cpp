#include "bridge/components/leak_watch.h"

#include <fmt/format.h>

#include "base/log.h"
#include "bridge/host_state.h"

namespace selfsup::bridge {

void LeakWatch::look(const Session& session) {
  // What other threads dropped in this step may have been any component's.
  const int64_t elsewhere = session.host.handles.dropped_elsewhere() - dropped_elsewhere_;
  dropped_elsewhere_ += elsewhere;
  for (const auto& instance : session.instances) {
    Seen& s = seen_[instance.get()];
    if (instance->references - elsewhere > s.references && s.references != 0) {
      if (s.growing++ == 0) s.at_start = s.references;
    } else {
      s.growing = 0;
    }
    s.references = instance->references;
    if (s.growing < kSteps || s.told) continue;
    s.told = true;
    log_warning(
        fmt::format("{}: it holds {} more tensor handles than {} steps ago, and more with every step: "
                    "something is retained and never released",
                    instance->label, s.references - s.at_start, s.growing));
  }
}

}  // namespace selfsup::bridge
