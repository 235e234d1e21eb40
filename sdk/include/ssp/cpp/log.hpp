// SPDX-License-Identifier: Apache-2.0
// Messages to the run's log. A host without one drops them.
#pragma once
#include "ssp/cpp/runtime.hpp"

namespace ssp {
inline namespace v0 {
namespace logging {
// THREAD: any.
inline void write(uint32_t severity, std::string_view text) {
  if (detail::runtime.log) detail::runtime.log->write(detail::host, severity, to_str(text));
}
inline void debug(std::string_view text) { write(SSP_LOG_DEBUG, text); }
inline void info(std::string_view text) { write(SSP_LOG_INFO, text); }
inline void warning(std::string_view text) { write(SSP_LOG_WARNING, text); }
inline void error(std::string_view text) { write(SSP_LOG_ERROR, text); }
}  // namespace logging
}  // namespace v0
}  // namespace ssp
