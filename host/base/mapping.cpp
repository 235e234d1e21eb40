#include "base/mapping.h"

#include <sys/mman.h>

#include <cerrno>

namespace selfsup {

Mapping::Mapping(const RegularFile& file) : size_(file.size()) {
  if (size_ == 0) return;  // nothing to map
  void* at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  if (at == MAP_FAILED) throw FileError("cannot be mapped", errno);
  bytes_.reset(static_cast<const char*>(at), [size = size_](const char* p) { ::munmap(const_cast<char*>(p), size); });
}

}  // namespace selfsup
