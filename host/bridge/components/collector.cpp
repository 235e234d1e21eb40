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
  if (is_of_host(name))
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
    : emitter_(emitter), function_(function), emits_(emits), batch_(batch), channels_(channels) {
  table_.struct_size = sizeof table_;
  table_.receiver = this;
  table_.tensor = receive;
}

ssp_status TensorCollector::receive(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags) {
  return guarded([&] {
    require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
    auto& collector = *static_cast<TensorCollector*>(self->receiver);
    require_operators(*collector.emitter_.host);
    collector.add(view(name), tensor, flags);
  });
}

void TensorCollector::add(std::string_view name_view, ssp_tensor tensor, uint32_t flags) {
  check_word(name_view, "the name of an emitted tensor");
  const std::string name(name_view);
  if (flags & 0xffff & ~kFlags) refuse(fmt::format("'{}': unknown flags {:#x}", name, flags));
  for (const NamedTensor& t : got_) {
    if (t.name == name) refuse(fmt::format("'{}' was emitted twice", name));
  }
  const at::Tensor& value = emitted(*emitter_.host, name, tensor);
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

std::vector<NamedTensor> TensorCollector::take(std::span<const std::string> asked) {
  if (got_.empty() && emits_ != Emits::metrics) bad_result(emitter_, function_, "nothing was emitted");
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

ByteCollector::ByteCollector(const HostState& host) : host_(host) {
  table_.struct_size = sizeof table_;
  table_.receiver = this;
  table_.bytes = receive;
}

ssp_status ByteCollector::receive(const ssp_sink* self, const void* data, uint64_t size) {
  return guarded([&] {
    require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
    auto& collector = *static_cast<ByteCollector*>(self->receiver);
    require_main(collector.host_, "the sink is for the thread of the callback that got it");
    require(data != nullptr || size == 0, SSP_E_ARGUMENT, "bytes at a null address");
    const auto* bytes = static_cast<const std::byte*>(data);
    collector.bytes.insert(collector.bytes.end(), bytes, bytes + size);
    collector.any_ = true;
  });
}

PairCollector::PairCollector(const HostState& host) : host_(host) {
  table_.struct_size = sizeof table_;
  table_.receiver = this;
  table_.pair = receive;
}

ssp_status PairCollector::receive(const ssp_sink* self, ssp_str key, ssp_str value) {
  return guarded([&] {
    require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
    auto& collector = *static_cast<PairCollector*>(self->receiver);
    require_main(collector.host_, "the sink is for the thread of the callback that got it");
    check_word(view(key), "the own name of a tensor");
    check_word(view(value), "the exported name of a tensor");
    for (const auto& [known, name] : collector.pairs)
      if (known == view(key)) refuse(fmt::format("'{}' has two names, '{}' and '{}'", known, name, view(value)));
    collector.pairs.emplace_back(view(key), view(value));
  });
}

}  // namespace selfsup::bridge
