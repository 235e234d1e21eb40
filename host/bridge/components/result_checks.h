// Checks of what plugins hand back: handles, shapes, names. Main thread.
#pragma once
#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "bridge/components/session.h"

namespace selfsup::bridge {

// Failure(SSP_E_ARGUMENT) "backbone (NAME of PLUGIN).forward: images must be [B, C, h, w], the caller gave f32 [3, 8]".
void require_argument(bool good, const Instance& who, const char* function, const char* expected,
                      const at::Tensor& tensor);

// The tensor behind a result; Failure naming `what` when the handle is null, stale or foreign.
const at::Tensor& checked_result(const Instance& who, const char* function, const char* what, ssp_tensor handle);

// The tensor that a component emits; Failure naming it. The crossing that is under way says whose it is.
const at::Tensor& emitted(const HostState& host, std::string_view name, ssp_tensor handle);

// sizes: -1 stands for any. Failure naming both shapes.
void check_shape(const Instance& who, const char* function, const char* what, const at::Tensor& tensor,
                 std::initializer_list<int64_t> sizes);

// Failure(SSP_E_PLUGIN) when a name that a plugin gives is empty, not UTF-8, or has spaces or control characters.
// what: "the name of a metric".
void check_word(std::string_view name, const char* what);

// "f32 [3, 8]"
std::string shape_text(const at::Tensor& tensor);

// Failure(SSP_E_PLUGIN) "backbone (NAME of PLUGIN).encode: …".
[[noreturn]] void bad_result(const Instance& who, const char* function, const std::string& text);

}  // namespace selfsup::bridge
