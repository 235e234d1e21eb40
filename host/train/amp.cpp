#include "train/amp.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::train {
namespace {

[[noreturn]] void refuse(const Json& node, const std::string& text) {
  throw Error(Exit::usage, fmt::format("{}: optim_wrapper: {}", describe(node.source), text));
}

at::ScalarType read_dtype(const Json& node, at::DeviceType device) {
  if (node.as_string() == "bfloat16") return at::kBFloat16;
  if (device == at::kCPU) refuse(node, "dtype float16 needs device cuda; the CPU has bfloat16");
  return at::kHalf;
}

void read_loss_scale(const Json& node, AmpSettings& settings) {
  if (node.is_number()) {
    settings.dynamic = false;
    settings.init_scale = node.as_double();
  } else if (node.is_object()) {
    settings.init_scale = node.get_double("init_scale", settings.init_scale);
    settings.growth = node.get_double("growth_factor", settings.growth);
    settings.backoff = node.get_double("backoff_factor", settings.backoff);
    settings.growth_interval = node.get_int("growth_interval", settings.growth_interval);
    if (settings.backoff >= 1) refuse(node, "backoff_factor is below 1");
  }
}

}  // namespace

AmpSettings amp_settings(const Json& optim_wrapper, at::DeviceType device) {
  AmpSettings settings;
  if (optim_wrapper.get("type").as_string() != "AmpOptimWrapper") return settings;
  if (const Json* dtype = optim_wrapper.find("dtype")) {
    settings.dtype = read_dtype(*dtype, device);
  } else {
    settings.dtype = device == at::kCPU ? at::kBFloat16 : at::kHalf;
  }
  if (const Json* scale = optim_wrapper.find("loss_scale")) read_loss_scale(*scale, settings);
  settings.scaled = settings.dtype == at::kHalf;  // bf16 has fp32's range
  return settings;
}

AutocastScope::AutocastScope(at::DeviceType device, std::optional<at::ScalarType> dtype)
    : device_(device), active_(dtype.has_value()) {
  if (!active_) return;
  enabled_before_ = at::autocast::is_autocast_enabled(device_);
  dtype_before_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, *dtype);
  at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
  if (!active_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, enabled_before_);
  at::autocast::set_autocast_dtype(device_, dtype_before_);
}

GradScaler::GradScaler(const AmpSettings& settings, at::Device device)
    : settings_(settings),
      scale_(at::full({}, settings.init_scale, at::TensorOptions(device).dtype(at::kFloat))),
      growth_tracker_(at::zeros({}, at::TensorOptions(device).dtype(at::kInt))),
      found_inf_(at::zeros({}, at::TensorOptions(device).dtype(at::kFloat))) {}

const at::Tensor& GradScaler::unscale(const std::vector<at::Tensor>& gradients) {
  at::NoGradGuard no_grad;
  // Through double, as torch does: the reciprocal of a float scale is then rounded once.
  const at::Tensor inverse = scale_.to(at::kDouble).reciprocal().to(at::kFloat);
  found_inf_.zero_();
  at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf_, inverse);
  return found_inf_;
}

void GradScaler::update() {
  if (!settings_.dynamic) return;
  at::NoGradGuard no_grad;
  at::_amp_update_scale_(scale_, growth_tracker_, found_inf_, settings_.growth, settings_.backoff,
                         settings_.growth_interval);
}

StateDict GradScaler::state() const {
  if (!enabled()) return {};
  return {{"scale", scale_}, {"growth_tracker", growth_tracker_}};
}

}  // namespace selfsup::train
