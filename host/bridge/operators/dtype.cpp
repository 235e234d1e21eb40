#include "bridge/operators/dtype.h"

#include <fmt/format.h>

#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

struct Pair {
  int32_t ssp;
  at::ScalarType torch;
  const char* name;
};
constexpr Pair kTypes[] = {{SSP_F32, at::kFloat, "f32"},        {SSP_F64, at::kDouble, "f64"},
                           {SSP_F16, at::kHalf, "f16"},         {SSP_BF16, at::kBFloat16, "bf16"},
                           {SSP_I64, at::kLong, "i64"},         {SSP_I32, at::kInt, "i32"},
                           {SSP_U8, at::kByte, "u8"},           {SSP_BOOL, at::kBool, "bool"},
                           {SSP_C64, at::kComplexFloat, "c64"}, {SSP_C128, at::kComplexDouble, "c128"}};

}  // namespace

at::ScalarType to_torch(int64_t dtype) {
  for (const Pair& p : kTypes) {
    if (p.ssp == dtype) return p.torch;
  }
  fail(SSP_E_ARGUMENT, fmt::format("{} is no element type (SSP_F32 … SSP_C128 are 1 … 10)", dtype));
}

const char* dtype_name(at::ScalarType type) {
  for (const Pair& p : kTypes) {
    if (p.torch == type) return p.name;
  }
  return c10::toString(type);
}

void require_named_dtype(at::ScalarType type, const std::string& what) {
  if (from_torch(type) != 0) return;
  fail(SSP_E_UNSUPPORTED,
       fmt::format("{}: gives {}, an element type that this SDK does not name (it has f32, f64, f16, "
                   "bf16, i64, i32, u8, bool); convert what goes in with aten::to or .to(...), or "
                   "use an operator that gives one of them",
                   what, c10::toString(type)));
}

}  // namespace selfsup::bridge
