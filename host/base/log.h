// The program's messages: to stderr, and to run.log once a run has one. log.cpp alone includes spdlog. Thread-safe.
// stdout is for data; nothing here writes there. Format texts with fmt::format.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace selfsup {

enum class Severity { debug, info, warning, error };

void log(Severity severity, std::string_view text);
inline void log_info(std::string_view text) { log(Severity::info, text); }
inline void log_warning(std::string_view text) { log(Severity::warning, text); }
inline void log_error(std::string_view text) { log(Severity::error, text); }

void open_log_file(const std::string& path);  // appends; a file that cannot be written is Error(storage)
void close_log_file();
// A file that stops taking lines (full disk) never stops the run: lines are dropped and counted.
uint64_t dropped_log_lines();

// Colour and a progress line are for a terminal that NO_COLOR does not forbid.
bool stderr_is_terminal();
bool color_allowed();

}  // namespace selfsup
