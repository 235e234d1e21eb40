// Recorded reference values as tensors.
#pragma once
#include <ATen/ATen.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "reference.h"
#include "train/state_dict.h"

namespace selfsup::test {

class Tensors {
 public:
  explicit Tensors(const std::filesystem::path& path) : file_(path.string()) {}
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  at::Tensor get(const std::string& name) const {
    const checkpoint::TensorView* view = file_.find(name);
    if (!view) throw std::runtime_error("no tensor " + name + " in " + file_.path());
    return train::to_tensor(*view).clone();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& view : file_.tensors()) out.push_back(view.name);
    return out;
  }

 private:
  checkpoint::SafetensorsFile file_;
};

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace selfsup::test
