// Owns a TensorBoard event file: scalars over steps, in the form that TensorFlow's TFRecord and Event protobuf give.
// Knows no meaning of a name.
#pragma once
#include <cstdint>
#include <string>

#include "base/append.h"
#include "base/json.h"

namespace selfsup::report {

// A run that goes on begins a file of its own beside those that are there; what they say of later steps is void then.
// A disk that takes no more never stops the run. One thread.
class EventFile {
 public:
  // The folder is there. step: the last one done, 0 for a fresh start. earlier: a folder that the file is to be moved
  // to later on, if any. Error(storage) when no file can be made.
  EventFile(const std::string& folder, int64_t step, const std::string& earlier = {});

  // Every number of the object, under its name; null as NaN, "step" not. In the kernel's hands when it returns.
  void write(const Json& object, int64_t step);
  uint64_t dropped() const { return dropped_; }  // objects that the disk did not take

 private:
  void append(const std::string& event);

  WholeAppends file_;
  uint64_t dropped_ = 0;
};

// CRC-32C (Castagnoli), as TFRecord has it before its mask.
uint32_t crc32c(const void* data, size_t bytes);

}  // namespace selfsup::report
