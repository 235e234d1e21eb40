// Failures inside the tables: how they are thrown, turned into a status, and kept as text for each thread. Knows no
// table.
#pragma once
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "ssp/base.h"

namespace selfsup {
class Error;
}

namespace selfsup::bridge {

// Thrown by the code behind a table function; never crosses to a plugin.
struct Failure : std::exception {
  Failure(ssp_status s, std::string t) : status(s), text(std::move(t)) {}
  const char* what() const noexcept override { return text.c_str(); }
  ssp_status status;
  std::string text;
};

void set_error(std::string text) noexcept;
ssp_str last_error() noexcept;
// Counts set_error on this thread: tells whether a failing callback left a text.
uint64_t error_serial() noexcept;

// "an operator failed (status 3)"
std::string describe_status(ssp_status status);

// Of a callback that failed: the text that it left since error_serial() was `serial`, or that it left none.
std::string text_left_since(uint64_t serial, ssp_status status);
// Of a callback that threw. Only inside a catch block.
std::string text_of_crossed_exception();

// The status of the exception in flight; its text goes to this thread's store. Only inside a catch block.
ssp_status status_of_current_exception() noexcept;

// Runs the body of a table function. Nothing leaves but a status.
template <class Body>
ssp_status guarded(Body&& body) noexcept {
  try {
    body();
    return SSP_OK;
  } catch (...) {
    return status_of_current_exception();
  }
}

// What the user is told: Error(usage) when the configuration asks for what cannot be, else Error(plugin).
Error to_error(const Failure& failure);

// The exception in flight as a Failure, `what` before its text. Only inside a catch block.
[[noreturn]] void fail_with_current_exception(const std::string& what);

[[noreturn]] void fail(ssp_status status, std::string text);
inline void require(bool condition, ssp_status status, const char* text) {
  if (!condition) fail(status, text);
}

}  // namespace selfsup::bridge
