#include "base/install.h"

#include <filesystem>

namespace selfsup {

std::string library_folder() {
  namespace fs = std::filesystem;
  return (fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "lib" / "selfsup").string();
}

}  // namespace selfsup
