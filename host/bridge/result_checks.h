// Checks of what plugins hand back: handles, shapes, names. Owner thread.
#pragma once
#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <string>

#include "bridge/session.h"

namespace selfsup::bridge {

// The tensor behind a result; Failure naming `what` when the handle is null, stale or foreign.
const at::Tensor& checked_result(const Instance& who, const char* function, const char* what, ssp_tensor handle);

// sizes: -1 stands for any. Failure naming both shapes.
void check_shape(const Instance& who, const char* function, const char* what, const at::Tensor& tensor,
                 std::initializer_list<int64_t> sizes);

// Failure(SSP_E_PLUGIN) "backbone (NAME).encode: …".
[[noreturn]] void bad_result(const Instance& who, const char* function, const std::string& text);

}  // namespace selfsup::bridge
