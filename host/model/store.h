// The parameters and buffers of a run, by name. Knows neither plugins nor optimizers.
#pragma once
#include <ATen/core/Tensor.h>

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/init.h"

namespace selfsup::model {

enum class Kind { parameter, frozen, buffer };

struct Entry {
  std::string name;   // full path: "backbone.layers.0.ln1.weight"
  at::Tensor tensor;  // its identity holds for the run
  Kind kind = Kind::parameter;
  bool transient = false;  // not saved
  bool per_rank = false;   // not broadcast
  uint32_t roles = 0;      // SSP_ROLE_* of the SDK: bias, norm, embedding, token, no decay, LARS-exclude
  int layer = -1;
  InitSpec init;
};

class ParameterStore {
 public:
  // Allocates on the CPU, uninitialised. A name that is taken is Error(failed), what memory has no room for
  // Error(usage).
  Entry& declare(Entry entry, at::IntArrayRef sizes, at::ScalarType dtype);
  // Forgets what was declared after the first `count` entries.
  void truncate(size_t count);
  Entry* find(std::string_view name);
  const std::deque<Entry>& entries() const { return entries_; }  // in order of declaration
  std::deque<Entry>& entries() { return entries_; }

  // Fills every tensor, keyed by (seed, name): the same values on every device and in any order of declaration.
  void initialise(uint64_t seed);
  // Moves values, keeping each at::Tensor's identity (set_data before anything else holds views).
  void to(at::Device device);
  int64_t count(Kind kind) const;  // elements
  std::vector<Entry*> trained();

 private:
  std::deque<Entry> entries_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace selfsup::model
