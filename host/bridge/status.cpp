#include "bridge/status.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <iterator>
#include <new>

#include "base/errors.h"
#include "base/text.h"
#include "base/utf8.h"

namespace selfsup::bridge {
namespace {

thread_local std::string t_text;
thread_local uint64_t t_serial = 0;

ssp_status status_of_exit(Exit exit) {
  switch (exit) {
    case Exit::usage:
      return SSP_E_CONFIG;
    case Exit::plugin:
      return SSP_E_UNSUPPORTED;
    default:
      return SSP_E_ARGUMENT;
  }
}

ssp_status keep(ssp_status status, const char* text) noexcept {
  try {
    set_error(text);
  } catch (...) {
    set_error({});
  }
  return status;
}

}  // namespace

void set_error(std::string text) noexcept {
  t_text.swap(text);
  ++t_serial;
}

ssp_str last_error() noexcept { return {t_text.data(), t_text.size()}; }

uint64_t error_serial() noexcept { return t_serial; }

std::string describe_status(ssp_status status) {
  static constexpr const char* kMeanings[] = {
      "success",           "a bad argument",      "a bad tensor handle", "an operator failed",       "not supported",
      "the plugin failed", "a bad configuration", "out of memory",       "called at the wrong time", "a bad sample"};
  static_assert(std::size(kMeanings) == SSP_E_SAMPLE + 1);
  const bool named = status >= 0 && status <= SSP_E_SAMPLE;
  return fmt::format("{} (status {})", named ? kMeanings[status] : "a status that this SDK does not name", status);
}

std::string text_left_since(uint64_t serial, ssp_status status) {
  if (t_serial == serial) return fmt::format("it reported {} and gave no text", describe_status(status));
  return t_text;
}

std::string text_of_crossed_exception() {
  std::string what = "an exception that is no std::exception";
  try {
    throw;
  } catch (const std::exception& e) {
    what = elided(printable_lines(e.what()));
  } catch (...) {
  }
  return "it let an exception cross into the host: " + what;
}

ssp_status status_of_current_exception() noexcept {
  try {
    throw;
  } catch (Failure& e) {
    set_error(std::move(e.text));
    return e.status;
  } catch (const Error& e) {
    return keep(status_of_exit(e.exit()), e.what());
  } catch (const c10::OutOfMemoryError& e) {
    return keep(SSP_E_MEMORY, e.what_without_backtrace());
  } catch (const c10::Error& e) {
    return keep(SSP_E_OP, e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return keep(SSP_E_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return keep(SSP_E_OP, e.what());
  } catch (...) {
    return keep(SSP_E_OP, "an exception of no known type");
  }
}

Error to_error(const Failure& failure) {
  return Error(failure.status == SSP_E_CONFIG ? Exit::usage : Exit::plugin, failure.text);
}

void fail_with_current_exception(const std::string& what) {
  const ssp_status status = status_of_current_exception();
  fail(status, fmt::format("{}: {}", what, t_text));
}

void fail(ssp_status status, std::string text) { throw Failure(status, std::move(text)); }

}  // namespace selfsup::bridge
