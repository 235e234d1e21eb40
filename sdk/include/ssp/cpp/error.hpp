// SPDX-License-Identifier: Apache-2.0
// Errors: what the host reports becomes an exception, what a plugin throws becomes a status. Knows no tensors.
#pragma once
#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "ssp/entry.h"

// Objects of which every plugin must have its own, whatever flags it was built with.
#define SSP_PER_PLUGIN __attribute__((visibility("hidden")))

namespace ssp {
inline namespace v0 {

// A failure with a status code and a text that a user can act on.
class Error : public std::runtime_error {
 public:
  Error(ssp_status code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ssp_status code() const noexcept { return code_; }

 private:
  ssp_status code_;
};

inline ssp_str to_str(std::string_view text) noexcept { return {text.data(), text.size()}; }
inline std::string_view view(ssp_str text) noexcept { return {text.data, static_cast<size_t>(text.size)}; }

namespace detail {
SSP_PER_PLUGIN inline const ssp_host* host = nullptr;

[[noreturn]] inline void throw_last_error(ssp_status status) {
  const ssp_str text = host->last_error(host);
  throw Error(status, std::string(view(text)));
}

inline ssp_status report(ssp_status status, std::string_view text) noexcept {
  if (host) host->set_error(host, to_str(text));
  return status;
}
}  // namespace detail

// Every function that the host calls runs through here: nothing is ever thrown across. A table of one's own (another
// kind, raw C functions in C++) does the same.
template <class F>
ssp_status guarded(F&& body) noexcept {
  try {
    body();
    return SSP_OK;
  } catch (const Error& e) {
    return detail::report(e.code() == SSP_OK ? SSP_E_PLUGIN : e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return detail::report(SSP_E_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return detail::report(SSP_E_PLUGIN, e.what());
  } catch (...) {
    char text[160] = "an exception that is no std::exception";
    if (const std::type_info* type = abi::__cxa_current_exception_type()) {
      char* name = abi::__cxa_demangle(type->name(), nullptr, nullptr, nullptr);
      std::snprintf(text, sizeof text, "an exception of type %s", name ? name : type->name());
      std::free(name);
    }
    return detail::report(SSP_E_PLUGIN, text);
  }
}

// Throws Error with the host's text unless status is SSP_OK.
inline void check(ssp_status status) {
  if (status != SSP_OK) detail::throw_last_error(status);
}

// The configuration asks for what cannot be: throws Error(SSP_E_CONFIG, text) unless ok.
inline void require(bool ok, const std::string& text) {
  if (!ok) throw Error(SSP_E_CONFIG, text);
}

}  // namespace v0
}  // namespace ssp
