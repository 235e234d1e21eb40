#include "bridge/components/collector.h"

#include <fmt/format.h>

#include <algorithm>

#include "bridge/components/result_checks.h"
#include "bridge/host_state.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

constexpr uint32_t kFlags = SSP_EMIT_LOSS | SSP_EMIT_METRIC | SSP_EMIT_IMAGE;

// The crossing that is under way says whose it is.
[[noreturn]] void refuse(const std::string& text) { fail(SSP_E_PLUGIN, text); }

// What the log and metrics.jsonl call the host's own numbers.
bool is_of_host(std::string_view name) {
  constexpr std::string_view kNames[] = {"lr",        "eta",   "time", "data_time", "memory",
                                         "grad_norm", "epoch", "iter", "step"};
  return name.starts_with("probe/") || std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

void check_number(const std::string& name, const at::Tensor& value, uint32_t flags, bool losses_too) {
  if (is_of_host(name) || (name == "loss" && !losses_too))
    refuse(fmt::format("'{}' is a name of the host's own numbers in the log; choose another", name));
  const uint32_t kind = flags & kFlags;
  if (kind != SSP_EMIT_METRIC && !(kind == SSP_EMIT_LOSS && losses_too)) {
    refuse(fmt::format("'{}' must be flagged {}, its flags are {:#x}", name,
                       losses_too ? "LOSS or METRIC" : "METRIC: an event has no losses", flags));
  }
  const bool number =
      value.dim() == 0 && (kind == SSP_EMIT_METRIC ? value.scalar_type() != at::kBool : value.is_floating_point());
  if (number) return;
  refuse(fmt::format("{} '{}' must be a {}scalar, it is {}", kind == SSP_EMIT_LOSS ? "loss" : "metric", name,
                     kind == SSP_EMIT_LOSS ? "floating-point " : "", shape_text(value)));
}

}  // namespace

TensorCollector::TensorCollector(const Instance& emitter, const char* function, Emits emits, int64_t batch,
                                 int64_t channels)
    : Sink(*emitter.host), emitter_(emitter), function_(function), emits_(emits), batch_(batch), channels_(channels) {}

void TensorCollector::take_tensor(std::string_view name_view, ssp_tensor tensor, uint32_t flags) {
  check_word(name_view, "the name of an emitted tensor");
  const std::string name(name_view);
  if (flags & 0xffff & ~kFlags) refuse(fmt::format("'{}': unknown flags {:#x}", name, flags));
  for (const NamedTensor& t : got_) {
    if (t.name == name) refuse(fmt::format("'{}' was emitted twice", name));
  }
  const at::Tensor& value = emitted(host_, name, tensor);
  const bool for_batch = value.dim() > 0 && value.size(0) == batch_ && value.numel() > 0;
  switch (emits_) {
    case Emits::losses:
    case Emits::metrics:
      check_number(name, value, flags, emits_ == Emits::losses);
      break;
    case Emits::features:
      if (value.dim() != 2 || !for_batch || value.scalar_type() != at::kFloat)
        refuse(fmt::format("'{}' must be f32 [{}, C], it is {}; pool or flatten it, and convert it", name, batch_,
                           shape_text(value)));
      break;
    case Emits::images:
      if (value.dim() != 4 || !for_batch || value.size(1) != channels_ || !value.is_floating_point() ||
          !(flags & SSP_EMIT_IMAGE))
        refuse(fmt::format("'{}' must be floating-point [{}, {}, H, W] flagged IMAGE, it is {} with flags {:#x}", name,
                           batch_, channels_, shape_text(value), flags));
      break;
  }
  got_.push_back({name, value, flags & kFlags});
}

void TensorCollector::check_features(std::span<const std::string> asked) const {
  std::vector<std::string> names;
  for (const NamedTensor& t : got_) names.push_back(t.name);
  const bool good =
      asked.empty() ? names.size() == 1 : std::is_permutation(asked.begin(), asked.end(), names.begin(), names.end());
  if (good) return;
  bad_result(
      emitter_, function_,
      fmt::format("asked for {}, the plugin gave {}",
                  asked.empty() ? "the one feature by which it is judged" : fmt::format("{}", fmt::join(asked, ", ")),
                  fmt::join(names, ", ")));
}

void TensorCollector::check_losses() const {
  const auto losses = std::ranges::count_if(got_, &NamedTensor::is_loss);
  if (losses == 0) bad_result(emitter_, function_, "no loss was emitted");
  const auto total = std::ranges::find(got_, "loss", &NamedTensor::name);
  if (total != got_.end() && !(total->is_loss() && losses == 1))
    bad_result(emitter_, function_, "the name 'loss' is kept for the total, unless it is the only loss");
}

std::vector<NamedTensor> TensorCollector::take(std::span<const std::string> asked) {
  if (got_.empty() && emits_ != Emits::metrics) bad_result(emitter_, function_, "nothing was emitted");
  if (emits_ == Emits::features) check_features(asked);
  if (emits_ == Emits::losses) check_losses();
  return std::move(got_);
}

void ByteCollector::take_bytes(std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
  any_ = true;
}

void PairCollector::take_pair(std::string_view key, std::string_view value) {
  check_word(key, "the own name of a tensor");
  check_word(value, "the exported name of a tensor");
  for (const auto& [known, name] : pairs)
    if (known == key) refuse(fmt::format("'{}' has two names, '{}' and '{}'", known, name, value));
  pairs.emplace_back(key, value);
}

}  // namespace selfsup::bridge
