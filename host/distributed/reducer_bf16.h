// Gradients that travel as bfloat16: half the bytes, 8 bits of precision. Knows no parameter.
#pragma once
#include <c10/util/intrusive_ptr.h>

#include <memory>

namespace c10d {
class CommHookInterface;
class ProcessGroup;
}  // namespace c10d

namespace selfsup::distributed {

// Means over ranks. A value is divided by the number of ranks before it is rounded, so that no sum overflows where the
// mean does not.
std::unique_ptr<c10d::CommHookInterface> bf16_hook(c10::intrusive_ptr<c10d::ProcessGroup> backend);

}  // namespace selfsup::distributed
