#include "bridge/tables/generators.h"

#include <ATen/Context.h>

#include <mutex>
#include <vector>

#include "bridge/status.h"

namespace selfsup::bridge::generators {
namespace {

struct Lent {
  at::Generator generator;
  bool in_use = false;
};

auto& g_pool = *new std::vector<Lent>;
int64_t g_round = 1;  // per-step calls so far; part of the numbers, so that old ones are known as such

}  // namespace

int64_t lend(at::Device device, uint64_t key) {
  size_t i = 0;
  while (i < g_pool.size() && (g_pool[i].in_use || g_pool[i].generator.device() != device)) ++i;
  if (i == g_pool.size()) g_pool.push_back({at::globalContext().defaultGenerator(device).clone(), false});
  g_pool[i].in_use = true;
  g_pool[i].generator.set_current_seed(seed_for(device, key));
  return g_round << 20 | static_cast<int64_t>(i);
}

const at::Generator& find(int64_t number) {
  const auto i = static_cast<size_t>(number & 0xfffff);
  if (number >> 20 != g_round || i >= g_pool.size() || !g_pool[i].in_use) {
    fail(SSP_E_ARGUMENT, "the generator is not one of this call; ask ssp.rng for it in each call");
  }
  return g_pool[i].generator;
}

void reclaim() {
  for (Lent& lent : g_pool) lent.in_use = false;
  ++g_round;
}

uint64_t seed_for(at::Device device, uint64_t key) { return device.is_cpu() ? (key >> 32) ^ (key & 0xffffffffu) : key; }

}  // namespace selfsup::bridge::generators
