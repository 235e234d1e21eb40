// Element types of the SDK and of LibTorch.
#pragma once
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>

#include "ssp/base.h"

namespace selfsup::bridge {

struct ElementType {
  int32_t ssp;
  at::ScalarType torch;
  const char* name;
};
constexpr ElementType kElementTypes[] = {{SSP_F32, at::kFloat, "f32"},        {SSP_F64, at::kDouble, "f64"},
                                         {SSP_F16, at::kHalf, "f16"},         {SSP_BF16, at::kBFloat16, "bf16"},
                                         {SSP_I64, at::kLong, "i64"},         {SSP_I32, at::kInt, "i32"},
                                         {SSP_U8, at::kByte, "u8"},           {SSP_BOOL, at::kBool, "bool"},
                                         {SSP_C64, at::kComplexFloat, "c64"}, {SSP_C128, at::kComplexDouble, "c128"}};

at::ScalarType to_torch(int64_t dtype);       // Failure(SSP_E_ARGUMENT) for a number that the SDK does not name
const char* dtype_name(at::ScalarType type);  // "f32"; for messages

// 0: a type that the SDK does not name.
constexpr int32_t from_torch(at::ScalarType type) {
  for (const ElementType& known : kElementTypes)
    if (known.torch == type) return known.ssp;
  return 0;
}

// Failure(SSP_E_UNSUPPORTED) for the result of `what` (an operator) whose type the SDK does not name.
void require_named_dtype(at::ScalarType type, const std::string& what);

}  // namespace selfsup::bridge
