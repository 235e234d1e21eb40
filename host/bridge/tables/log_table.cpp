// The table "ssp.log".
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "bridge/tables/extensions.h"
#include "plugin/crossing.h"

namespace selfsup::bridge {
namespace {

// One log is the process's, whichever host the plugin has.
void write(const ssp_host*, uint32_t severity, ssp_str text) {
  try {
    const std::string_view words(text.data, text.data ? text.size : 0);
    const Severity level = severity >= SSP_LOG_ERROR ? Severity::error : static_cast<Severity>(severity);
    const char* who = plugin::Crossing::plugin();
    log(level, fmt::format("[{}] {}", who ? who : "plugin", elided(printable_lines(words))));
  } catch (...) {  // a message that cannot be written is not worth a failure
  }
}

}  // namespace

const ssp_log log_table = {sizeof(ssp_log), 0, write};

}  // namespace selfsup::bridge
