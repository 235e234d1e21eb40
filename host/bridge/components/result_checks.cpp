#include "bridge/components/result_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "bridge/host_state.h"
#include "bridge/operators/dtype.h"
#include "bridge/status.h"

namespace selfsup::bridge {

void require_argument(bool good, const Instance& who, const char* function, const char* expected,
                      const at::Tensor& tensor) {
  if (good) return;
  fail(SSP_E_ARGUMENT, fmt::format("{}.{}: {}, the caller gave {}", who.label, function, expected, shape_text(tensor)));
}

const at::Tensor& checked_result(const Instance& who, const char* function, const char* what, ssp_tensor handle) {
  try {
    return who.host->handles.peek(handle);
  } catch (const Failure& e) {
    bad_result(who, function, fmt::format("result '{}': {}", what, e.text));
  }
}

const at::Tensor& emitted(const HostState& host, std::string_view name, ssp_tensor handle) {
  try {
    return host.handles.peek(handle);
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

void check_word(std::string_view name, const char* what) {
  const char* fault = nullptr;
  const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
  if (name.empty())
    fault = "it is empty";
  else if (!valid_utf8(name))
    fault = "it is not UTF-8";
  else if (std::any_of(name.begin(), name.end(), is_blank))
    fault = "it has a space or a control character";
  if (fault)
    fail(SSP_E_PLUGIN,
         fmt::format("{} '{}': {}; give one word of UTF-8 text, such as 'loss_patch'", what, printable(name), fault));
}

std::string shape_text(const at::Tensor& tensor) {
  return fmt::format("{} [{}]", dtype_name(tensor.scalar_type()), fmt::join(tensor.sizes(), ", "));
}

void bad_result(const Instance& who, const char* function, const std::string& text) {
  fail(SSP_E_PLUGIN, fmt::format("{}.{}: {}", who.label, function, text));
}

}  // namespace selfsup::bridge
