// Owns the text of manifest.json: what a checkpoint is, where its run stood, and the digests of its files.
// Knows no folder and no tensor.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/json.h"
#include "checkpoint/file.h"

namespace selfsup::checkpoint {

struct PluginRecord {
  std::string id, version, sha256;  // of the .so
};

struct Manifest {
  static constexpr int64_t current_format = 1;

  int64_t format = current_format;
  // Where the run stood. A checkpoint is taken only after an optimizer step.
  int64_t iter = 0;                       // iterations done (batches taken)
  int64_t update = 0;                     // optimizer steps done
  int64_t epoch = 0;                      // whole epochs done
  int64_t iter_in_epoch = 0;              // batches taken of the epoch that has begun
  int64_t max_iters = 0, max_epochs = 0;  // of the run; 0: not bounded by it
  uint64_t seed = 0;
  Json config = Json::object();  // resolved
  std::vector<PluginRecord> plugins;
  int64_t world = 1, threads = 1;
  std::vector<std::vector<int64_t>> buckets;  // the Reducer's order: parameter indices; empty in one process
  std::string host_version, libtorch_version;
  std::vector<FileRecord> files;  // all but the manifest; filled in by CheckpointStore::save
  Json extra = Json::object();    // whatever else its writer wants back (states, facts)
};

// The file ends with `,\n  "manifest_sha256": "<64 hex digits>"\n}\n`; the digest is that of every byte before those.
std::string manifest_text(const Manifest& manifest);

// Checks the digest before it looks at anything else, then the format (a newer one is refused by name), then every
// field. source: for messages. Error(checkpoint).
Manifest parse_manifest(std::string_view text, const std::string& source);

// The manifest is of a format newer than this host reads. The file is sound: it must not be set aside as damaged.
class NewerFormat : public Error {
 public:
  using Error::Error;
};

}  // namespace selfsup::checkpoint
