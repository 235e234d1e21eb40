// Reads the pickles that PyTorch writes, as data: values, and tensors as places in storages. Nothing is run, imported
// or looked up: the few classes that weights are made of have a meaning here, some more are known to be harmless and
// stand as values without contents, and any other name is refused. Knows no file.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace selfsup::exchange {

struct PickledStorage {
  std::string dtype;      // as in safetensors; "" for one without a type, whose tensors say theirs
  std::string key;        // where its bytes are
  uint64_t elements = 0;  // bytes, if it has no type
};

struct PickledTensor {
  size_t storage = 0;  // in Pickle::storages()
  std::string dtype;   // "": one that weights here cannot have
  int64_t offset = 0;  // elements
  std::vector<int64_t> shape, strides;
};

class Pickle {
 public:
  enum class Kind { none, boolean, integer, real, text, bytes, list, tuple, dict, global, storage, tensor, opaque };
  using Id = uint32_t;  // of a value; values may hold each other in a circle

  struct Value {
    Kind kind = Kind::none;
    int64_t number = 0;     // integer, boolean; storage and tensor: which one
    std::string_view text;  // text, bytes; global: "module.name"
    std::vector<Id> items;  // list and tuple; dict: keys and values in turn
  };

  // Reads one pickle from the start of `bytes`, which outlive the object. Malformed (of zip.h): what is not one of
  // PyTorch's, a name that is refused, or more values or codes than any file of weights has: whatever the bytes, memory
  // stays below half a GiB.
  explicit Pickle(std::string_view bytes);

  const Value& root() const { return values_[root_]; }
  const Value& at(Id id) const { return values_[id]; }
  const std::vector<PickledStorage>& storages() const { return storages_; }
  const std::vector<PickledTensor>& tensors() const { return tensors_; }
  size_t size() const { return size_; }  // bytes read

  static constexpr size_t max_values = 4'000'000, max_codes = 16'000'000, max_tensors = 500'000, max_dims = 16;

 private:
  friend class PickleMachine;

  std::deque<Value> values_;
  std::unordered_set<std::string> names_;  // of globals
  std::vector<PickledStorage> storages_;
  std::vector<PickledTensor> tensors_;
  Id root_ = 0;
  size_t size_ = 0;
};

}  // namespace selfsup::exchange
