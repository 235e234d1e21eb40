#include "model/store.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/errors.h"
#include "base/random.h"

namespace selfsup::model {
namespace {

std::string backwards(std::string_view text) { return {text.rbegin(), text.rend()}; }

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
  if (memory_ == Memory::at_once) {
    entry.tensor = room_for(entry.name, sizes, dtype);
  } else {
    entry.tensor = at::empty({0}, at::TensorOptions(dtype));
    entry.tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  }
  index_.emplace(entry.name, entries_.size());
  by_end_.emplace(backwards(entry.name), entries_.size());
  entries_.push_back(std::move(entry));
  return entries_.back();
}

void ParameterStore::truncate(size_t count) {
  while (entries_.size() > count) {
    index_.erase(entries_.back().name);
    by_end_.erase(backwards(entries_.back().name));
    entries_.pop_back();
  }
}

Entry* ParameterStore::find(std::string_view name) {
  const auto it = index_.find(std::string(name));
  return it == index_.end() ? nullptr : &entries_[it->second];
}

std::vector<Entry*> ParameterStore::ending_in(std::string_view end) {
  const std::string first = backwards(end);
  std::vector<size_t> found;
  for (auto it = by_end_.lower_bound(first); it != by_end_.end() && it->first.starts_with(first); ++it)
    if (first.empty() || it->first.size() == first.size() || it->first[first.size()] == '.')
      found.push_back(it->second);
  std::ranges::sort(found);
  std::vector<Entry*> entries;
  for (const size_t index : found) entries.push_back(&entries_[index]);
  return entries;
}

void ParameterStore::allocate() {
  for (Entry& e : entries_)
    if (e.tensor.storage().nbytes() < e.tensor.nbytes())
      e.tensor.set_data(room_for(e.name, e.tensor.sizes(), e.tensor.scalar_type()));
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
