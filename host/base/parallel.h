// The same work on many things by several threads. Knows no work.
#pragma once
#include <cstdint>
#include <functional>

namespace selfsup {

// work(0), work(1), … work(count - 1), by at most that many threads (by one at least, which may be the caller's). The
// caller runs `meanwhile` at the beginning and every tenth of a second; done: how many works have ended. What either
// throws, the first of it, comes out once the threads have ended; works that have not begun by then are left out.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& work,
                  const std::function<void(int64_t done)>& meanwhile = {});

}  // namespace selfsup
