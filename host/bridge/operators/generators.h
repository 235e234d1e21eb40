// Generators that plugins draw from: a pool, seeded anew for each key, valid until the per-step call ends. Knows no
// table.
#pragma once
#include <ATen/core/Generator.h>

#include <cstdint>
#include <vector>

namespace selfsup::bridge {

// Of one host. A main thread's.
class Generators {
 public:
  // One on `device` at the start of the stream of `key`; the number stands for it in ssp_value.
  int64_t lend(at::Device device, uint64_t key);
  // Failure(SSP_E_ARGUMENT) when the number is foreign or its call has ended.
  const at::Generator& find(int64_t number) const;
  // The per-step call ends.
  void reclaim();

  // LibTorch's CPU generator keeps 32 bits of its seed: both halves of the key go into them.
  static uint64_t seed_for(at::Device device, uint64_t key);

 private:
  struct Pooled {
    at::Generator generator;
    bool in_use = false;
  };
  std::vector<Pooled> pool_;
  int64_t round_ = 1;  // per-step calls so far; part of the numbers, so that old ones are known as such
};

}  // namespace selfsup::bridge
