// Element types of the SDK and of LibTorch.
#pragma once
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>

#include "ssp/base.h"

namespace selfsup::bridge {

at::ScalarType to_torch(int64_t dtype);       // Failure(SSP_E_ARGUMENT) for a number that the SDK does not name
const char* dtype_name(at::ScalarType type);  // "f32"; for messages

// 0: a type that the SDK does not name.
constexpr int32_t from_torch(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return SSP_F32;
    case at::kDouble:
      return SSP_F64;
    case at::kHalf:
      return SSP_F16;
    case at::kBFloat16:
      return SSP_BF16;
    case at::kLong:
      return SSP_I64;
    case at::kInt:
      return SSP_I32;
    case at::kByte:
      return SSP_U8;
    case at::kBool:
      return SSP_BOOL;
    default:
      return 0;
  }
}

// Failure(SSP_E_UNSUPPORTED) for the result of `what` (an operator) whose type the SDK does not name.
void require_named_dtype(at::ScalarType type, const std::string& what);

}  // namespace selfsup::bridge
