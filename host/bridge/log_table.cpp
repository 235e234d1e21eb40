// The table "ssp.log".
#include <fmt/format.h>

#include "base/log.h"
#include "bridge/speaker.h"
#include "bridge/tables.h"

namespace selfsup::bridge {
namespace {

thread_local const char* t_speaker = nullptr;

void write(uint32_t severity, ssp_str text) {
  try {
    const std::string_view words(text.data, text.data ? text.size : 0);
    const Severity level = severity >= SSP_LOG_ERROR ? Severity::error : static_cast<Severity>(severity);
    log(level, fmt::format("[{}] {}", t_speaker ? t_speaker : "plugin", words));
  } catch (...) {  // a message that cannot be written is not worth a failure
  }
}

}  // namespace

void set_speaker(const char* plugin) noexcept { t_speaker = plugin; }
const char* speaker() noexcept { return t_speaker; }

const ssp_log log_table = {sizeof(ssp_log), 0, write};

}  // namespace selfsup::bridge
