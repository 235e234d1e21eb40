// Element types of the SDK and of LibTorch.
#pragma once
#include <c10/core/ScalarType.h>

#include <cstdint>

namespace selfsup::bridge {

at::ScalarType to_torch(int64_t dtype);       // Failure(SSP_E_ARGUMENT) for a number that the SDK does not name
int32_t from_torch(at::ScalarType type);      // 0: a type that the SDK does not name
const char* dtype_name(at::ScalarType type);  // "f32"; for messages

}  // namespace selfsup::bridge
