#include "distributed/single_process.h"

#include <ATen/ops/clone.h>

namespace selfsup::distributed {

at::Tensor SingleProcess::all_gather(const at::Tensor& rows) const { return rows.detach().clone(); }

}  // namespace selfsup::distributed
