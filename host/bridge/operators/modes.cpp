#include "bridge/operators/modes.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "bridge/operators/dtype.h"
#include "bridge/status.h"

namespace selfsup::bridge::modes {

void Stack::restore_top() {
  const Saved saved = saved_.back();
  saved_.pop_back();
  if (!saved.is_autocast) {
    c10::GradMode::set_enabled(saved.on);
    return;
  }
  at::autocast::set_autocast_enabled(device, saved.on);
  at::autocast::set_autocast_dtype(device, saved.dtype);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

void Stack::push_grad(bool on) {
  saved_.push_back({false, c10::GradMode::is_enabled(), at::kFloat});
  c10::GradMode::set_enabled(on);
}

void Stack::push_autocast(bool on, int32_t dtype) {
  const std::optional<at::ScalarType> wanted = !on ? std::nullopt : dtype == 0 ? of_run : to_torch(dtype);
  require(!wanted || wanted == at::kBFloat16 || wanted == at::kHalf, SSP_E_ARGUMENT, "autocast is to bf16 or f16");
  saved_.push_back({true, at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device)});
  at::autocast::increment_nesting();
  at::autocast::set_autocast_enabled(device, wanted.has_value());
  if (wanted) at::autocast::set_autocast_dtype(device, *wanted);
}

void Stack::pop() {
  require(saved_.size() > floor_, SSP_E_PRECONDITION, "state_pop without a push in this callback");
  restore_top();
}

Guard::Guard(Stack& stack)
    : stack_(stack),
      depth_(stack.saved_.size()),
      outer_floor_(stack.floor_),
      grad_(c10::GradMode::is_enabled()),
      autocast_(at::autocast::is_autocast_enabled(stack.device)),
      dtype_(at::autocast::get_autocast_dtype(stack.device)) {
  stack_.floor_ = depth_;
}

Guard::~Guard() {
  while (stack_.saved_.size() > depth_) stack_.restore_top();
  stack_.floor_ = outer_floor_;
  c10::GradMode::set_enabled(grad_);
  at::autocast::set_autocast_enabled(stack_.device, autocast_);
  at::autocast::set_autocast_dtype(stack_.device, dtype_);
}

std::string Guard::imbalance() const {
  if (stack_.saved_.size() > depth_) {
    return fmt::format("{} grad_push or autocast_push without state_pop", stack_.saved_.size() - depth_);
  }
  if (c10::GradMode::is_enabled() != grad_) return fmt::format("gradient recording was left {}", grad_ ? "off" : "on");
  if (at::autocast::is_autocast_enabled(stack_.device) != autocast_) {
    return fmt::format("autocast was left {}", autocast_ ? "off" : "on");
  }
  return {};
}

}  // namespace selfsup::bridge::modes
