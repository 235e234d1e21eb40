// Finds the image files below a folder. Knows no format but by its files' endings.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace selfsup::data {

// Paths are relative to the folder; those that stand for all of their kind are the first by the order of their bytes.
struct FolderScan {
  std::vector<std::string> images;  // sorted
  int64_t others = 0;               // files with other endings
  std::string first_other;
  int64_t work_dirs = 0;  // of runs, left out
  std::string first_work_dir;
  int64_t repeated = 0;  // ways to folders that are read already, by links or mounts, left out
  std::string first_repeated;
};

// Names that start with a dot are passed over. Each folder is read once, by device and inode: links to folders are
// followed after what lies there without them, in the order of their paths. Left out is the folder `work_dir` (which
// need not be there) and, by what it holds, that of any run: a run's own pictures are no images to learn from. pause:
// called for each folder and now and then. Error(data) when a folder cannot be read, Error(usage) when the root is
// `work_dir`.
FolderScan scan_folder(const std::string& root, const std::string& work_dir, const std::function<void()>& pause);

}  // namespace selfsup::data
