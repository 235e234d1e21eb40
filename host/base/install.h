// Where the parts of this installation lie, wherever the tree was moved. Knows errors.
#pragma once
#include <string>

namespace selfsup {

// The folder ../lib/selfsup beside the running executable's bin/: the core, the CUDA module, and plugins/.
std::string library_folder();

}  // namespace selfsup
