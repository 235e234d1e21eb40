// A door for tests alone: recorded noise instead of drawn. Of the process, for all hosts.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <string_view>

namespace selfsup::bridge::testing {

// per_sample gives f(site, rows, n), f32 [rows, n], instead of drawing; an empty function draws again.
using PerSample = std::function<at::Tensor(std::string_view site, int64_t rows, int64_t n)>;
void replace_per_sample(PerSample function);

}  // namespace selfsup::bridge::testing
