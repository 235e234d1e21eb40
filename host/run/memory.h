// What a run takes of memory at least, against what its process may take. Knows sizes only.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/image.h"
#include "device/device.h"
#include "model/store.h"

namespace selfsup::run {

// Beside the values of the model.
struct Appetite {
  bool trains = false;                  // each trained tensor has a gradient
  std::string optimizer;                // its name
  int copies = 0;                       // tensors of a trained one's size in the optimizer's state
  std::vector<data::ImageShape> views;  // of a sample
  int64_t batch = 0, batches = 0;       // images of a batch, and how many of them are in the making or ready
};

// Before any of it is taken: Error(usage) with the arithmetic and the keys, when what is declared, a batch as the model
// takes it and what the loader holds are more than the process may take, or the GPU has free. What steps compute comes
// on top and is not known here, so what this lets pass may still be too much. model: the node of the configuration.
void require_memory(const model::ParameterStore& declared, const Json& model, const Appetite& appetite,
                    const device::Device& device, int local_ranks);

}  // namespace selfsup::run
