#include "run/failure.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "base/errors.h"
#include "base/log.h"
#include "plugin/ending.h"

namespace selfsup::run {
namespace {

[[noreturn]] void fail(Exit exit, const std::string& text) {
  log_error(text);
  std::fflush(nullptr);
  plugin::end_now(static_cast<int>(exit));
}

}  // namespace

int run_or_fail(const std::function<int()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    fail(error.exit(), error.what());
  } catch (const c10::Error& error) {
    fail(Exit::failed, fmt::format("LibTorch: {}", error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    fail(Exit::failed, "out of memory");
  } catch (const std::exception& error) {
    fail(Exit::failed, error.what());
  } catch (...) {
    fail(Exit::failed, "an exception of a type unknown here");
  }
}

}  // namespace selfsup::run
