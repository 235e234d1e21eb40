#include "base/install.h"

#include <filesystem>

#include "base/errors.h"

namespace selfsup {

std::string library_folder() {
  namespace fs = std::filesystem;
  std::error_code failed;
  const fs::path executable = fs::read_symlink("/proc/self/exe", failed);
  if (failed) throw Error(Exit::failed, "/proc/self/exe cannot be read: " + failed.message() + "; mount /proc");
  return (executable.parent_path().parent_path() / "lib" / "selfsup").string();
}

}  // namespace selfsup
