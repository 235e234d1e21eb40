// What may fail without being the run's end. Knows no work.
#pragma once
#include <c10/util/Exception.h>

#include <exception>
#include <string>

#include "base/log.h"

namespace selfsup::run {

// What fails in `work` is a warning, which begins with `before`.
template <class Work>
void attempt(const std::string& before, const Work& work) try {
  work();
} catch (const c10::Error& error) {
  log_warning(before + error.what_without_backtrace());
} catch (const std::exception& error) {
  log_warning(before + error.what());
}

}  // namespace selfsup::run
