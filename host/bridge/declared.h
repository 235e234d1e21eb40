// The tensors that the components of a host have declared: which have no values yet, and which memory is theirs. Knows
// no table.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <unordered_map>

#include "model/store.h"

namespace selfsup::bridge {

class Declared {
 public:
  // Components declare into this store from now on; null: none is there.
  void use(const model::ParameterStore* store);

  // While components are created: a tensor without values, and whether a scope keeps it frozen.
  void add(const model::Entry& entry, bool in_frozen_scope);
  void forget(const model::Entry& entry);
  // Its name, or null when it is not of the create in progress.
  const std::string* name_of(const at::Tensor& tensor) const;
  bool in_frozen_scope(const at::Tensor& tensor) const;

  // The declared tensor whose memory this one lies in, if any. Memory may move between per-step calls.
  const model::Entry* owner_of_memory(const at::Tensor& tensor);
  void memory_may_have_moved() { memory_known_ = false; }
  // The trained parameter that this is, itself, be it held still by the run; else null.
  const model::Entry* trained(const at::Tensor& tensor) const;

 private:
  struct Fresh {
    std::string name;
    bool in_frozen_scope;
  };
  const model::ParameterStore* store_ = nullptr;
  std::unordered_map<const c10::TensorImpl*, Fresh> fresh_;
  std::unordered_map<const c10::StorageImpl*, const model::Entry*> memory_;
  bool memory_known_ = false;
};

}  // namespace selfsup::bridge
