// The program's messages: to stderr, and to run.log once a run has one. log.cpp alone includes spdlog. Thread-safe.
// stdout is for data; nothing here writes there. Format texts with fmt::format. Whatever comes into them, what is
// written is UTF-8 without control characters, but for ends of lines and tabs; of a warning or an error no line is
// longer than a thousand characters, and there are no more than two hundred.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace selfsup {

enum class Severity { debug, info, warning, error };

void log(Severity severity, std::string_view text);
inline void log_info(std::string_view text) { log(Severity::info, text); }
inline void log_warning(std::string_view text) { log(Severity::warning, text); }
inline void log_error(std::string_view text) { log(Severity::error, text); }

// Every message for stderr is given as a function that writes it; `through` calls it once, with the terminal to itself.
// For what draws there beside the log, one at a time; an empty function ends it. Must not log.
void write_messages_through(std::function<void(const std::function<void()>& write)> through);

void open_log_file(const std::string& path);  // appends; errors as of WholeAppends
void close_log_file();
// From now on what is less severe is not said at all, and the rest begins with "[who] ". For ranks other than the
// first, which would say again what that one says.
void speak_as(const std::string& who, Severity least);

// A file that stops taking lines (full disk) never stops the run: lines are dropped and counted, until another opens.
uint64_t dropped_log_lines();

// A progress line is for a terminal, colour for one that NO_COLOR does not forbid.
bool stderr_is_terminal();
bool color_allowed();

}  // namespace selfsup
