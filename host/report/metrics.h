// Owns metrics.jsonl: one JSON object a line, appended whole or not at all. Knows no meaning of a number but "step".
#pragma once
#include <cstdint>
#include <string>

#include "base/append.h"
#include "base/json.h"

namespace selfsup::report {

// Appends to a file. A disk that takes no more never stops the run: the line is taken back and counted. One thread.
class MetricsFile {
 public:
  explicit MetricsFile(const std::string& path) : lines_(path) {}  // errors as of AppendedLines

  // In the kernel's hands when it returns, so that a kill loses nothing.
  void write(const Json& object) { lines_.write(to_text(object)); }
  uint64_t dropped() const { return lines_.dropped(); }

 private:
  AppendedLines lines_;
};

// Of the lines of `earlier`, puts into `path` those before the first that a run going on from `step` writes itself, and
// before a last line without an end: those of later steps, and of this one the probe, if that is made anew. 0 for a
// fresh start. The two may be one file, which is cut; else `path` is new. A missing file has no lines. Error(usage) for
// what is no regular file, Error(storage) when something cannot be read or written.
void begin_metrics(const std::string& earlier, const std::string& path, int64_t step, bool probe_too);

}  // namespace selfsup::report
