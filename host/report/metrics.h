// Owns metrics.jsonl: one JSON object a line, appended whole or not at all. Knows no meaning of a number but "step".
#pragma once
#include <cstdint>
#include <string>

#include "base/json.h"
#include "report/append.h"

namespace selfsup::report {

// Appends to a file. A disk that takes no more never stops the run: the line is taken back and counted. One thread.
class MetricsFile {
 public:
  explicit MetricsFile(const std::string& path) : file_(path) {}  // Error(storage) when it cannot be opened

  void write(const Json& object);  // in the kernel's hands when it returns, so that a kill loses nothing
  uint64_t dropped() const { return dropped_; }

 private:
  WholeAppends file_;
  uint64_t dropped_ = 0;
};

// Cuts the file before the first line that a run going on from `step` writes itself, and a last line without an end:
// those of later steps, and of this one the probe, if that is made anew. 0 for a fresh start. A missing file is fine.
// Error(storage) when it cannot be cut.
void cut_metrics(const std::string& path, int64_t step, bool probe_too);

}  // namespace selfsup::report
