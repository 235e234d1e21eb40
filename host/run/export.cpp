#include "base/errors.h"
#include "run/commands.h"

namespace selfsup::run {

int export_command(const cli::CommandLine&) { throw Error(Exit::failed, "not built yet"); }

}  // namespace selfsup::run
