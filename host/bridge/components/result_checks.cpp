#include "bridge/components/result_checks.h"

#include <fmt/format.h>

#include "bridge/operators/handles.h"
#include "bridge/status.h"

namespace selfsup::bridge {

const at::Tensor& checked_result(const Instance& who, const char* function, const char* what, ssp_tensor handle) {
  try {
    return handles::peek(handle);
  } catch (const Failure& e) {
    bad_result(who, function, fmt::format("result '{}': {}", what, e.text));
  }
}

const at::Tensor& emitted(std::string_view name, ssp_tensor handle) {
  try {
    return handles::peek(handle);
  } catch (const Failure& e) {
    fail(SSP_E_PLUGIN, fmt::format("'{}': {}", name, e.text));
  }
}

void check_shape(const Instance& who, const char* function, const char* what, const at::Tensor& tensor,
                 std::initializer_list<int64_t> sizes) {
  bool good = tensor.dim() == static_cast<int64_t>(sizes.size());
  for (size_t i = 0; good && i < sizes.size(); ++i) {
    const int64_t expected = sizes.begin()[i];
    good = expected < 0 || tensor.size(static_cast<int64_t>(i)) == expected;
  }
  if (good) return;
  std::string expected;
  for (int64_t s : sizes) expected += (expected.empty() ? "" : ", ") + (s < 0 ? std::string("any") : std::to_string(s));
  bad_result(
      who, function,
      fmt::format("result '{}' must be [{}], the plugin gave [{}]", what, expected, fmt::join(tensor.sizes(), ", ")));
}

void bad_result(const Instance& who, const char* function, const std::string& text) {
  fail(SSP_E_PLUGIN, fmt::format("{}.{}: {}", who.label, function, text));
}

}  // namespace selfsup::bridge
