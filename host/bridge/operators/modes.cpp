#include "bridge/operators/modes.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <vector>

#include "bridge/active.h"
#include "bridge/operators/dtype.h"
#include "bridge/status.h"

namespace selfsup::bridge::modes {
namespace {

struct Saved {
  bool is_autocast, on;
  at::ScalarType dtype;
};

auto& g_stack = *new std::vector<Saved>;  // of the owner thread
size_t g_floor = 0;                       // entries below belong to outer callbacks

at::DeviceType device() { return active().environment.device.type(); }

void restore_top() {
  const Saved saved = g_stack.back();
  g_stack.pop_back();
  if (!saved.is_autocast) {
    c10::GradMode::set_enabled(saved.on);
    return;
  }
  at::autocast::set_autocast_enabled(device(), saved.on);
  at::autocast::set_autocast_dtype(device(), saved.dtype);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

}  // namespace

void push_grad(bool on) {
  g_stack.push_back({false, c10::GradMode::is_enabled(), at::kFloat});
  c10::GradMode::set_enabled(on);
}

void push_autocast(bool on, int32_t dtype) {
  const at::ScalarType run = at::autocast::get_autocast_dtype(device());
  const at::ScalarType wanted = dtype == 0 ? run : to_torch(dtype);
  require(wanted == at::kBFloat16 || wanted == at::kHalf || !on, SSP_E_ARGUMENT, "autocast is to bf16 or f16");
  g_stack.push_back({true, at::autocast::is_autocast_enabled(device()), run});
  at::autocast::increment_nesting();
  at::autocast::set_autocast_enabled(device(), on);
  if (on) at::autocast::set_autocast_dtype(device(), wanted);
}

void pop() {
  require(g_stack.size() > g_floor, SSP_E_PRECONDITION, "state_pop without a push in this callback");
  restore_top();
}

Guard::Guard()
    : depth_(g_stack.size()),
      outer_floor_(g_floor),
      grad_(c10::GradMode::is_enabled()),
      autocast_(at::autocast::is_autocast_enabled(device())),
      dtype_(at::autocast::get_autocast_dtype(device())) {
  g_floor = depth_;
}

Guard::~Guard() {
  while (g_stack.size() > depth_) restore_top();
  g_floor = outer_floor_;
  c10::GradMode::set_enabled(grad_);
  at::autocast::set_autocast_enabled(device(), autocast_);
  at::autocast::set_autocast_dtype(device(), dtype_);
}

std::string Guard::imbalance() const {
  if (g_stack.size() > depth_) {
    return fmt::format("{} grad_push or autocast_push without state_pop", g_stack.size() - depth_);
  }
  if (c10::GradMode::is_enabled() != grad_) return fmt::format("gradient recording was left {}", grad_ ? "off" : "on");
  if (at::autocast::is_autocast_enabled(device()) != autocast_) {
    return fmt::format("autocast was left {}", autocast_ ? "off" : "on");
  }
  return {};
}

}  // namespace selfsup::bridge::modes
