// The tensors of a file of weights, whatever its format: names, shapes, and where their bytes lie. Knows no LibTorch,
// and not what a model wants of them.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace selfsup::exchange {

struct WeightTensor {
  std::string name;
  std::string dtype;                    // as in safetensors
  std::vector<int64_t> shape, strides;  // strides in elements, all 0 or more
  size_t part = 0;                      // where the bytes are; of the source
  uint64_t offset = 0;                  // bytes, in that part
};

// Little-endian bytes, checked to hold every element that a tensor's shape and strides reach.
class WeightsSource {
 public:
  virtual ~WeightsSource() = default;
  // Where the tensor's first element lies; valid as long as this object. A packed or checked part is unpacked or
  // checked when it is first asked for: Error(checkpoint). One thread.
  virtual const void* data(const WeightTensor& tensor) = 0;
};

struct Weights {
  std::string path;
  std::vector<WeightTensor> tensors;  // in the file's order; no name twice
  std::unique_ptr<WeightsSource> source;
  std::string ignored;  // what else was there, for the user: "meta, optimizer"; may be empty
};

// `--load-from PATH`: a checkpoint or work folder (checked in full; its model), a .safetensors file, or a file of
// torch.save, of which nothing is run: its state_dict, also within a dictionary as the programs for training write it.
// Nothing of the tensors is read or copied yet. The file must not be shortened while this lives. Error(usage) when
// there is nothing, Error(checkpoint) when it is damaged, refused or holds no weights.
Weights open_weights(const std::string& path);

}  // namespace selfsup::exchange
