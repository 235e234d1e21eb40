#include "exchange/weights.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/errors.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/store.h"
#include "exchange/torch_file.h"

namespace selfsup::exchange {
namespace {

class Mapped final : public WeightsSource {
 public:
  explicit Mapped(checkpoint::SafetensorsFile file) : file_(std::move(file)) {}
  const checkpoint::SafetensorsFile& file() const { return file_; }
  const void* data(const WeightTensor& tensor) override { return file_.tensors()[tensor.part].data; }

 private:
  checkpoint::SafetensorsFile file_;
};

std::vector<int64_t> dense_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(1, shape[i]);
  }
  return strides;
}

Weights weights_of(checkpoint::SafetensorsFile file) {
  Weights weights{file.path(), {}, nullptr, ""};
  for (const checkpoint::TensorView& view : file.tensors())
    weights.tensors.push_back(
        {view.name, view.dtype, view.shape, dense_strides(view.shape), weights.tensors.size(), 0});
  weights.source = std::make_unique<Mapped>(std::move(file));
  return weights;
}

}  // namespace

Weights open_weights(const std::string& path) {
  struct stat status;
  const bool there = ::stat(path.c_str(), &status) == 0;
  if (!there && (errno == ENOENT || errno == ENOTDIR))
    throw Error(Exit::usage, fmt::format("there is nothing at {} to take weights from: expected a checkpoint folder, a "
                                         ".safetensors file, or a .pth file of PyTorch's",
                                         path));
  if (there && S_ISDIR(status.st_mode)) return weights_of(checkpoint::checkpoint_at(path).tensors("model.safetensors"));
  try {
    const RegularFile file(path);
    if (is_torch_file(file)) return open_torch_file(file, path);
    return weights_of(checkpoint::SafetensorsFile(file, path));
  } catch (const FileError& error) {
    throw Error(Exit::checkpoint, fmt::format("{}: {}", path, error.what()));
  }
}

}  // namespace selfsup::exchange
