// A regular file mapped for reading. Knows no format.
#pragma once
#include <cstddef>
#include <memory>
#include <string_view>

#include "base/file.h"

namespace selfsup {

// Copies share the mapping, which ends with the last of them. The file may be closed; it must not be shortened
// meanwhile: reading past its end would end the process.
class Mapping {
 public:
  explicit Mapping(const RegularFile& file);  // FileError
  std::string_view bytes() const { return {bytes_.get(), size_}; }

 private:
  std::shared_ptr<const char> bytes_;
  size_t size_ = 0;
};

}  // namespace selfsup
