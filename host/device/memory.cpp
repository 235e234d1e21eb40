#include "device/memory.h"

#include <malloc.h>

#include <cstdlib>

namespace selfsup::device {

void keep_freed_memory() {
  for (const char* name : {"GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_"})
    if (std::getenv(name)) return;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);  // never; any other number is a threshold
}

}  // namespace selfsup::device
