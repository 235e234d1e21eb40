#include "bridge/operators/generators.h"

#include <ATen/Context.h>

#include "bridge/status.h"

namespace selfsup::bridge {

int64_t Generators::lend(at::Device device, uint64_t key) {
  size_t i = 0;
  while (i < pool_.size() && (pool_[i].in_use || pool_[i].generator.device() != device)) ++i;
  if (i == pool_.size()) pool_.push_back({at::globalContext().defaultGenerator(device).clone(), false});
  pool_[i].in_use = true;
  pool_[i].generator.set_current_seed(seed_for(device, key));
  return round_ << 20 | static_cast<int64_t>(i);
}

const at::Generator& Generators::find(int64_t number) const {
  const auto i = static_cast<size_t>(number & 0xfffff);
  if (number >> 20 != round_ || i >= pool_.size() || !pool_[i].in_use) {
    fail(SSP_E_ARGUMENT, "the generator is not one of this call; ask ssp.rng for it in each call");
  }
  return pool_[i].generator;
}

void Generators::reclaim() {
  for (Pooled& pooled : pool_) pooled.in_use = false;
  ++round_;
}

uint64_t Generators::seed_for(at::Device device, uint64_t key) {
  return device.is_cpu() ? (key >> 32) ^ (key & 0xffffffffu) : key;
}

}  // namespace selfsup::bridge
