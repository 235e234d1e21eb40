// Reads every image of a configuration's sets: validate --scan.
#pragma once
#include "config/run_config.h"

namespace selfsup::run {

// With all cores; writes those that cannot be used to bad_files.txt of the work folder, or takes an old list away. The
// folder is locked meanwhile, as by a run: Error(usage) when one is at work there. It is made only for such a list.
// A stop that is asked for ends it: Error with its code, once what had been found by then is written. Error(data) when
// there are more in a set than a run would allow.
void scan_images(const config::RunConfig& config);

}  // namespace selfsup::run
