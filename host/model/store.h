// The parameters and buffers of a run, by name. Knows neither plugins nor optimizers.
#pragma once
#include <ATen/core/Tensor.h>

#include <deque>
#include <map>
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
  bool held = false;       // frozen by the run's rules, though its component trains it
  bool transient = false;  // not saved
  bool per_rank = false;   // not broadcast
  uint32_t roles = 0;      // SSP_ROLE_* of the SDK: bias, norm, embedding, token, no decay, LARS-exclude
  int layer = -1;
  InitSpec init;
};

// When tensors get their memory: as they are declared, or all by allocate(), so that they can be counted before. Until
// then they have sizes, and nothing may read or write them.
enum class Memory { at_once, later };

class ParameterStore {
 public:
  explicit ParameterStore(Memory memory = Memory::at_once) : memory_(memory) {}
  // On the CPU, uninitialised. A name that is taken is Error(failed), what memory has no room for Error(usage).
  Entry& declare(Entry entry, at::IntArrayRef sizes, at::ScalarType dtype);
  // Forgets what was declared after the first `count` entries.
  void truncate(size_t count);
  Entry* find(std::string_view name);
  // Those whose names are `end`, or end in it at a dot, in order of declaration. Empty: all.
  std::vector<Entry*> ending_in(std::string_view end);
  const std::deque<Entry>& entries() const { return entries_; }  // in order of declaration
  std::deque<Entry>& entries() { return entries_; }

  // Gives memory, uninitialised, to the tensors that have none.
  void allocate();
  // Fills every tensor, keyed by (seed, name): the same values on every device and in any order of declaration.
  void initialise(uint64_t seed);
  // Moves values, keeping each at::Tensor's identity (set_data before anything else holds views).
  void to(at::Device device);
  int64_t count(Kind kind) const;  // elements
  std::vector<Entry*> trained();

 private:
  Memory memory_;
  std::deque<Entry> entries_;
  std::unordered_map<std::string, size_t> index_;
  std::map<std::string, size_t> by_end_;  // names written backwards
};

}  // namespace selfsup::model
