// How the process's allocator treats memory that tensors have freed. Knows no tensor.
#pragma once

namespace selfsup::device {

// From now on malloc keeps what is freed instead of giving it back to the kernel. A training step allocates and frees
// the same gigabytes again and again; by default the large ones are unmapped, and every page faults anew in the next
// step. Left alone when the environment sets this itself (GLIBC_TUNABLES, MALLOC_MMAP_MAX_, …).
void keep_freed_memory();

}  // namespace selfsup::device
