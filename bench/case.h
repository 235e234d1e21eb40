// One row of the benchmark: what is trained, on what images and how, as bench/cases.py makes it. Knows no algorithm.
#pragma once
#include <cstdint>
#include <string>

#include "base/json.h"

namespace selfsup::bench {

struct Case {
  std::string plugin;                // "mae.so"
  Json model, optimizer, paramwise;  // nodes of a configuration
  Json sizes;                        // of the model, for those who write it themselves
  int64_t image, channels, views, batch;
  int64_t noise;  // random numbers a sample takes in a step; 0: none
  bool bf16, channels_last;

  explicit Case(const Json& json);
};

}  // namespace selfsup::bench
