// Generators that plugins draw from: a pool, seeded anew for each key, valid until the per-step call ends. Owner
// thread.
#pragma once
#include <ATen/core/Generator.h>

#include <cstdint>

namespace selfsup::bridge::generators {

// A generator on `device` at the start of the stream of `key`; the number stands for it in ssp_value.
int64_t lend(at::Device device, uint64_t key);
// Failure(SSP_E_ARGUMENT) when the number is foreign or its call has ended.
const at::Generator& find(int64_t number);
// The per-step call ends.
void reclaim();

// LibTorch's CPU generator keeps 32 bits of its seed: both halves of the key go into them.
uint64_t seed_for(at::Device device, uint64_t key);

}  // namespace selfsup::bridge::generators
