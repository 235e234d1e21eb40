#include "cli/output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/errors.h"

namespace selfsup {

void print_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error(Exit::storage, fmt::format("cannot write to standard output: {}", std::strerror(errno)));
}

}  // namespace selfsup
