// Standard input, output and error as a program may count on them. Knows nothing of what is written there.
#pragma once

namespace selfsup {

// Those that are closed are opened on /dev/null: else the first files that the program opens take their numbers, and
// what is said on standard error lands in a file of the run. Call before anything is opened.
void open_standard_descriptors();

}  // namespace selfsup
