#include "train/amp.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::train {
namespace {

[[noreturn]] void refuse(const Json& node, const std::string& text) {
  throw Error(Exit::usage, fmt::format("{}: optim_wrapper: {}", describe(node.origin), text));
}

at::ScalarType read_dtype(const Json& node, at::DeviceType device) {
  const std::string& text = node.as_string();
  if (text == "bfloat16") return at::kBFloat16;
  if (text == "float16") {
    if (device == at::kCPU) refuse(node, "dtype float16 needs device cuda; the CPU has bfloat16");
    return at::kHalf;
  }
  refuse(node, fmt::format("dtype is \"float16\" or \"bfloat16\", not \"{}\"", text));
}

double positive(const Json& node, const char* key, double otherwise) {
  const double value = node.get_double(key, otherwise);
  if (!(value > 0)) refuse(node.get(key), fmt::format("{} is above 0, not {}", key, value));
  return value;
}

void read_loss_scale(const Json& node, AmpSettings& settings) {
  if (node.is_string()) {
    if (node.as_string() != "dynamic") refuse(node, "loss_scale is \"dynamic\", a number, or an object");
  } else if (node.is_number()) {
    settings.dynamic = false;
    settings.init_scale = node.as_double();
    if (!(settings.init_scale > 0)) refuse(node, "loss_scale is above 0");
  } else {
    settings.init_scale = positive(node, "init_scale", settings.init_scale);
    settings.growth = positive(node, "growth_factor", settings.growth);
    settings.backoff = positive(node, "backoff_factor", settings.backoff);
    settings.growth_interval = node.get_int("growth_interval", settings.growth_interval);
    if (settings.growth <= 1) refuse(node, "growth_factor is above 1");
    if (settings.backoff >= 1) refuse(node, "backoff_factor is below 1");
    if (settings.growth_interval < 1) refuse(node, "growth_interval is at least 1");
  }
}

}  // namespace

AmpSettings amp_settings(const Json& optim_wrapper, at::DeviceType device) {
  AmpSettings settings;
  if (optim_wrapper.get_string("type", "OptimWrapper") != "AmpOptimWrapper") return settings;
  const Json* dtype = optim_wrapper.find("dtype");
  if (dtype && !dtype->is_null()) {
    settings.dtype = read_dtype(*dtype, device);
  } else {
    settings.dtype = device == at::kCPU ? at::kBFloat16 : at::kHalf;
  }
  const Json* scale = optim_wrapper.find("loss_scale");
  if (scale && !scale->is_null()) read_loss_scale(*scale, settings);
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

std::vector<std::pair<std::string, at::Tensor>> GradScaler::state() const {
  if (!enabled()) return {};
  return {{"scale", scale_}, {"growth_tracker", growth_tracker_}};
}

}  // namespace selfsup::train
