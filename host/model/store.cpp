#include "model/store.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/errors.h"
#include "base/random.h"

namespace selfsup::model {
namespace {

// Uninitialised. What cannot be had is named: LibTorch says no more than a number of bytes, or that one overflowed.
at::Tensor room_for(const std::string& name, at::IntArrayRef sizes, at::ScalarType dtype) try {
  return at::empty(sizes, at::TensorOptions(dtype));
} catch (const c10::Error&) {
  double bytes = static_cast<double>(c10::elementSize(dtype));
  for (const int64_t size : sizes) bytes *= static_cast<double>(size);
  throw Error(Exit::usage,
              fmt::format("the tensor '{}' of shape [{}] and type {} takes {:.4g} GiB of memory, more than "
                          "there is; choose a smaller model",
                          name, fmt::join(sizes, ", "), c10::toString(dtype), bytes / (1u << 30)));
}

}  // namespace

Entry& ParameterStore::declare(Entry entry, at::IntArrayRef sizes, at::ScalarType dtype) {
  if (index_.count(entry.name)) {
    throw Error(Exit::failed,
                fmt::format("the tensor '{}' is declared twice; owners may share a prefix, never a name", entry.name));
  }
  entry.tensor = room_for(entry.name, sizes, dtype);
  index_.emplace(entry.name, entries_.size());
  entries_.push_back(std::move(entry));
  return entries_.back();
}

void ParameterStore::truncate(size_t count) {
  while (entries_.size() > count) {
    index_.erase(entries_.back().name);
    entries_.pop_back();
  }
}

Entry* ParameterStore::find(std::string_view name) {
  const auto it = index_.find(std::string(name));
  return it == index_.end() ? nullptr : &entries_[it->second];
}

void ParameterStore::initialise(uint64_t seed) {
  for (Entry& e : entries_) {
    const uint64_t key = hash_key(seed, hash_name(e.name));
    if (e.tensor.is_cpu()) {
      model::initialise(e.tensor, e.init, key);
    } else {
      at::Tensor values = at::empty(e.tensor.sizes(), e.tensor.options().device(at::kCPU));
      model::initialise(values, e.init, key);
      e.tensor.data().copy_(values);
    }
  }
}

void ParameterStore::to(at::Device device) {
  for (Entry& e : entries_) {
    if (e.tensor.device() == device) continue;
    e.tensor.set_data(e.tensor.data().to(device));
  }
}

int64_t ParameterStore::count(Kind kind) const {
  int64_t n = 0;
  for (const Entry& e : entries_) n += e.kind == kind ? e.tensor.numel() : 0;
  return n;
}

std::vector<Entry*> ParameterStore::trained() {
  std::vector<Entry*> list;
  for (Entry& e : entries_) {
    if (e.kind == Kind::parameter) list.push_back(&e);
  }
  return list;
}

}  // namespace selfsup::model
