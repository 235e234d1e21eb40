// The two commands that build a whole run: to train it, and to see that it could. Knows the order in which things are
// judged, opened and taken, so that what can be refused is refused as early as it can be.
#pragma once
#include "base/errors.h"
#include "cli/command_line.h"
#include "run/prepared.h"

namespace selfsup::run {

// Trains and evaluates. Returns Exit::ok or the code of a requested stop. A plugin that fails is Error(plugin) until a
// first step has been through: it cannot work. Later, the run failed.
Exit train(const cli::CommandLine& line);

// The loss of the first batch, after a scan of all images if the words ask for one: through the pipeline, onto the
// device, and a forward pass as training makes it.
double first_loss(Prepared& prepared, const cli::CommandLine& line);

}  // namespace selfsup::run
