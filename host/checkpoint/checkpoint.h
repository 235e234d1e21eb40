// One checkpoint that is there: its files, read after they have been checked. Knows no folder of checkpoints and no
// LibTorch.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/file.h"
#include "checkpoint/manifest.h"
#include "checkpoint/safetensors.h"

namespace selfsup::checkpoint {

// A checkpoint whose every byte has been checked against the manifest's digests. It keeps the checked files open
// until close(), so what is read is what was checked, whatever happens to the folder meanwhile.
class Checkpoint {
 public:
  // Error(checkpoint) naming the damaged file; NewerFormat; Error(storage) when the files may not be read.
  explicit Checkpoint(const std::string& path);

  const std::string& path() const { return path_; }
  const Manifest& manifest() const { return manifest_; }
  bool has(std::string_view file) const;
  SafetensorsFile tensors(std::string_view file) const;  // Error(checkpoint) when there is no such file
  std::string blob(std::string_view file) const;         // Error(checkpoint) when there is no such file
  // Once everything is read: the path and the manifest stay, the files are let go, so that deleting them frees the
  // disk.
  void close() { files_.clear(); }

 private:
  const RegularFile& open(std::string_view file) const;

  std::string path_;
  Manifest manifest_;
  std::vector<RegularFile> files_;  // as in manifest_.files
};

// The manifest of the checkpoint at `path`, checked for itself alone. Error as of Checkpoint.
Manifest read_manifest(const std::string& path);
// Cheap: the manifest if it is sound and every file is there with its size. For retention, which must not count ruins.
std::optional<Manifest> looks_whole(const std::string& path);

}  // namespace selfsup::checkpoint
