#include "bridge/operators/dtype.h"

#include <fmt/format.h>

#include "bridge/status.h"

namespace selfsup::bridge {
at::ScalarType to_torch(int64_t dtype) {
  for (const ElementType& known : kElementTypes)
    if (known.ssp == dtype) return known.torch;
  fail(SSP_E_ARGUMENT, fmt::format("{} is no element type (SSP_F32 … SSP_C128 are 1 … 10)", dtype));
}

const char* dtype_name(at::ScalarType type) {
  for (const ElementType& known : kElementTypes)
    if (known.torch == type) return known.name;
  return c10::toString(type);
}

void require_named_dtype(at::ScalarType type, const std::string& what) {
  if (from_torch(type) != 0) return;
  fail(SSP_E_UNSUPPORTED,
       fmt::format(
           "{}: gives {}, an element type that this SDK does not name (SSP_F32 … SSP_C128); convert what goes in "
           "with aten::to or .to(...), or use an operator that gives one of them",
           what, c10::toString(type)));
}

}  // namespace selfsup::bridge
