#include "bridge/components/collector.h"

#include <fmt/format.h>

#include <algorithm>

#include "bridge/active.h"
#include "bridge/components/result_checks.h"
#include "bridge/operators/dtype.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

constexpr uint32_t kFlags = SSP_EMIT_LOSS | SSP_EMIT_METRIC | SSP_EMIT_IMAGE;

std::string shape_text(const at::Tensor& t) {
  return fmt::format("{} [{}]", dtype_name(t.scalar_type()), fmt::join(t.sizes(), ", "));
}

// The crossing that is under way says whose it is.
[[noreturn]] void refuse(const std::string& text) { fail(SSP_E_PLUGIN, text); }

// What the log and metrics.jsonl call the host's own numbers.
bool is_of_host(std::string_view name) {
  constexpr std::string_view kNames[] = {"lr",        "eta",   "time", "data_time", "memory",
                                         "grad_norm", "epoch", "iter", "step"};
  return name.starts_with("probe/") || std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

void check_loss(const std::string& name, const at::Tensor& value, uint32_t flags) {
  if (is_of_host(name))
    refuse(fmt::format("'{}' is a name of the host's own numbers in the log; choose another", name));
  const uint32_t kind = flags & kFlags;
  if (kind != SSP_EMIT_LOSS && kind != SSP_EMIT_METRIC)
    refuse(fmt::format("'{}' must be flagged LOSS or METRIC, its flags are {:#x}", name, flags));
  const bool number =
      value.dim() == 0 && (kind == SSP_EMIT_METRIC ? value.scalar_type() != at::kBool : value.is_floating_point());
  if (number) return;
  refuse(fmt::format("{} '{}' must be a {}scalar, it is {}", kind == SSP_EMIT_LOSS ? "loss" : "metric", name,
                     kind == SSP_EMIT_LOSS ? "floating-point " : "", shape_text(value)));
}

}  // namespace

TensorCollector::TensorCollector(const Instance& emitter, const char* function, Emits emits, int64_t batch,
                                 int64_t channels)
    : emitter_(emitter), function_(function), emits_(emits), batch_(batch), channels_(channels) {
  table_.struct_size = sizeof table_;
  table_.receiver = this;
  table_.tensor = receive;
}

ssp_status TensorCollector::receive(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags) {
  return guarded([&] {
    require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
    require_operators();
    static_cast<TensorCollector*>(self->receiver)->add(view(name), tensor, flags);
  });
}

void TensorCollector::add(std::string_view name_view, ssp_tensor tensor, uint32_t flags) {
  const std::string name(name_view);
  if (name.empty()) refuse("a tensor was emitted without a name");
  if (flags & 0xffff & ~kFlags) refuse(fmt::format("'{}': unknown flags {:#x}", name, flags));
  for (const NamedTensor& t : got_) {
    if (t.name == name) refuse(fmt::format("'{}' was emitted twice", name));
  }
  const at::Tensor& value = emitted(name, tensor);
  const bool for_batch = value.dim() > 0 && value.size(0) == batch_ && value.numel() > 0;
  switch (emits_) {
    case Emits::losses:
      check_loss(name, value, flags);
      break;
    case Emits::features:
      if (value.dim() < 2 || !for_batch)
        refuse(fmt::format("'{}' must be [{}, …], it is {}", name, batch_, shape_text(value)));
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

std::vector<NamedTensor> TensorCollector::take(std::span<const std::string> asked) {
  if (got_.empty()) bad_result(emitter_, function_, "nothing was emitted");
  if (emits_ == Emits::features) check_features(asked);
  if (emits_ == Emits::losses) {
    int losses = 0;
    bool named_total = false, total_is_loss = false;
    for (const NamedTensor& t : got_) {
      losses += t.is_loss();
      named_total = named_total || t.name == "loss";
      total_is_loss = total_is_loss || (t.name == "loss" && t.is_loss());
    }
    if (losses == 0) bad_result(emitter_, function_, "no loss was emitted");
    if (named_total && !(total_is_loss && losses == 1)) {
      bad_result(emitter_, function_, "the name 'loss' is kept for the total, unless it is the only loss");
    }
  }
  return std::move(got_);
}

ByteCollector::ByteCollector() {
  table_.struct_size = sizeof table_;
  table_.receiver = this;
  table_.bytes = receive;
}

ssp_status ByteCollector::receive(const ssp_sink* self, const void* data, uint64_t size) {
  return guarded([&] {
    require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
    require_owner("the sink is for the thread of the callback that got it");
    require(data != nullptr || size == 0, SSP_E_ARGUMENT, "bytes at a null address");
    auto& collector = *static_cast<ByteCollector*>(self->receiver);
    const auto* bytes = static_cast<const std::byte*>(data);
    collector.bytes.insert(collector.bytes.end(), bytes, bytes + size);
    collector.any_ = true;
  });
}

}  // namespace selfsup::bridge
