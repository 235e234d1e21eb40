#include "run/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/errors.h"
#include "base/text.h"
#include "config/memory.h"

namespace selfsup::run {
namespace {

// Bytes of what has no memory yet may be more than 64 bits hold.
using Bytes = double;

std::string text_of(Bytes bytes) { return size_text(static_cast<uint64_t>(std::min(bytes, 0x1p63))); }

struct Part {
  std::string key, arithmetic;
  Bytes bytes;
};

struct Sizes {
  Bytes trained = 0, rest = 0;
  double numbers = 0;
};

// "model.backbone"; where the model has no such key, as of a momentum copy, "model (encoder_k)".
std::string key_of(const std::string& component, const Json& model) {
  if (component.empty()) return "model";
  return model.has(component) ? fmt::format("model.{}", component) : fmt::format("model ({})", component);
}

// One part a component, which is what stands before the first dot of a name.
std::map<std::string, Sizes> components_of(const model::ParameterStore& declared) {
  std::map<std::string, Sizes> components;
  for (const model::Entry& entry : declared.entries()) {
    const size_t dot = entry.name.find('.');
    Sizes& sizes = components[dot == std::string::npos ? "" : entry.name.substr(0, dot)];
    (entry.kind == model::Kind::parameter ? sizes.trained : sizes.rest) += static_cast<Bytes>(entry.tensor.nbytes());
    sizes.numbers += static_cast<double>(entry.tensor.numel());
  }
  return components;
}

void add_model(std::vector<Part>& parts, const model::ParameterStore& declared, const Json& model,
               const Appetite& appetite) {
  for (const auto& [component, sizes] : components_of(declared)) {
    std::string text = fmt::format("{:.0f} numbers, values {}", sizes.numbers, text_of(sizes.trained + sizes.rest));
    Bytes bytes = sizes.trained + sizes.rest;
    if (appetite.trains && sizes.trained > 0) {
      text += fmt::format(" + gradients {}", text_of(sizes.trained));
      bytes += sizes.trained;
      if (appetite.copies > 0)
        text += fmt::format(" + state of {} {}", appetite.optimizer, text_of(sizes.trained * appetite.copies));
      bytes += sizes.trained * appetite.copies;
    }
    parts.push_back({key_of(component, model), std::move(text), bytes});
  }
}

// times: how many batches; each: bytes of one number.
Part batches_part(const Appetite& appetite, int64_t times, int each, const char* what) {
  std::string views;
  Bytes bytes = 0;
  for (const data::ImageShape& view : appetite.views) {
    const Bytes image = static_cast<Bytes>(view.height) * view.width * view.channels * each;
    bytes += image * static_cast<Bytes>(appetite.batch) * static_cast<Bytes>(times);
    if (&view == &appetite.views.front()) views = fmt::format("{} x {} x {}", view.height, view.width, view.channels);
  }
  if (appetite.views.size() > 1) views += fmt::format(" and {} more views", appetite.views.size() - 1);
  return {"train_dataloader.batch_size",
          fmt::format("{} of {} images of {}, {}", times == 1 ? "a batch" : fmt::format("{} batches", times),
                      appetite.batch, views, what),
          bytes};
}

void require_room(std::vector<Part> parts, uint64_t room, const std::string& why) {
  Bytes sum = 0;
  for (const Part& part : parts) sum += part.bytes;
  if (sum <= static_cast<Bytes>(room)) return;
  std::ranges::stable_sort(parts, std::greater<>(), &Part::bytes);
  std::string text = fmt::format(
      "the run needs at least {} of memory, and this process may take {} ({}):", text_of(sum), size_text(room), why);
  for (const Part& part : parts)
    if (part.bytes > 0) text += fmt::format("\n  {}: {}: {}", part.key, text_of(part.bytes), part.arithmetic);
  throw Error(Exit::usage, text);
}

}  // namespace

void require_memory(const model::ParameterStore& declared, const Json& model, const Appetite& appetite,
                    const device::Device& device, int local_ranks) {
  std::vector<Part> on_device, on_host;
  add_model(on_device, declared, model, appetite);
  on_device.push_back(batches_part(appetite, 1, sizeof(float), "as floats"));
  on_host.push_back(batches_part(appetite, appetite.batches, 1, "which the loader holds"));
  const config::Allowance host = config::allowed_memory(local_ranks);
  if (device.cuda) {
    add_model(on_host, declared, model, {});  // where they get their first values
    if (const auto free = device.free_memory())
      require_room(on_device, *free, fmt::format("{}, as far as it is free", device.description));
  } else {
    on_host.insert(on_host.end(), on_device.begin(), on_device.end());
  }
  require_room(std::move(on_host), host.bytes, host.why);
}

}  // namespace selfsup::run
