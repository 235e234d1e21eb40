#include "bridge/declared.h"

namespace selfsup::bridge {

void Declared::use(const model::ParameterStore* store) {
  store_ = store;
  fresh_.clear();
  memory_.clear();
  memory_known_ = false;
}

void Declared::add(const model::Entry& entry, bool in_frozen_scope) {
  fresh_.insert_or_assign(entry.tensor.unsafeGetTensorImpl(), Fresh{entry.name, in_frozen_scope});
}

void Declared::forget(const model::Entry& entry) { fresh_.erase(entry.tensor.unsafeGetTensorImpl()); }

const std::string* Declared::name_of(const at::Tensor& tensor) const {
  const auto it = fresh_.find(tensor.unsafeGetTensorImpl());
  return it == fresh_.end() ? nullptr : &it->second.name;
}

bool Declared::in_frozen_scope(const at::Tensor& tensor) const {
  const auto it = fresh_.find(tensor.unsafeGetTensorImpl());
  return it != fresh_.end() && it->second.in_frozen_scope;
}

const model::Entry* Declared::owner_of_memory(const at::Tensor& tensor) {
  if (!store_ || !tensor.has_storage()) return nullptr;
  if (!memory_known_) {
    memory_.clear();
    for (const model::Entry& e : store_->entries()) memory_.emplace(e.tensor.storage().unsafeGetStorageImpl(), &e);
    memory_known_ = true;
  }
  const auto it = memory_.find(tensor.storage().unsafeGetStorageImpl());
  return it == memory_.end() ? nullptr : it->second;
}

const model::Entry* Declared::trained(const at::Tensor& tensor) const {
  if (!store_) return nullptr;
  for (const model::Entry& e : store_->entries())
    if ((e.kind == model::Kind::parameter || e.held) && e.tensor.is_same(tensor)) return &e;
  return nullptr;
}

}  // namespace selfsup::bridge
