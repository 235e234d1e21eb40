#include "fused/record.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <memory>
#include <mutex>
#include <utility>

namespace selfsup::fused {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

class FusedBackward final : public torch::autograd::Node {
 public:
  FusedBackward(const char* name, Recording what, BackwardBody body)
      : name_(name), kept_(std::move(what.kept)), format_(what.format), body_(std::move(body)) {
    saved_.reserve(what.inputs.size());
    torch::autograd::edge_list edges;
    const auto add_edge = [&](const at::Tensor& input) {
      edges.push_back(input.defined() ? torch::autograd::impl::gradient_edge(input) : torch::autograd::Edge());
    };
    for (const at::Tensor& input : what.inputs) {
      saved_.emplace_back(input, /*is_output=*/false);
      add_edge(input);
    }
    for (const at::Tensor& input : what.unread) add_edge(input);
    set_next_edges(std::move(edges));
  }

  std::string name() const override { return name_; }

  variable_list apply(variable_list&& gradients) override {
    TORCH_CHECK(!c10::GradMode::is_enabled(), name_,
                ": fused functions have no second derivative; set env_cfg.fused to \"off\" for one");
    const std::lock_guard<std::mutex> lock(mutex_);
    variable_list inputs;
    std::vector<bool> wants;
    for (SavedVariable& saved : saved_) inputs.push_back(saved.unpack());
    for (size_t i = 0; i < num_outputs(); ++i) wants.push_back(task_should_compute_output(i));
    if (!gradients[0].defined()) return variable_list(num_outputs());
    const at::Tensor dy = gradients[0].contiguous(format_);
    return body_({inputs, kept_, dy, wants});
  }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (SavedVariable& saved : saved_) saved.reset_data();
    kept_.clear();
  }

 private:
  const char* name_;
  std::vector<SavedVariable> saved_;
  std::vector<at::Tensor> kept_;
  at::MemoryFormat format_;
  BackwardBody body_;
};

}  // namespace

bool records(const std::vector<at::Tensor>& inputs) {
  if (!c10::GradMode::is_enabled()) return false;
  for (const at::Tensor& input : inputs)
    if (input.defined() && input.requires_grad()) return true;
  return false;
}

void record(const at::Tensor& y, const char* name, Recording what, BackwardBody body) {
  const std::shared_ptr<FusedBackward> node(new FusedBackward(name, std::move(what), std::move(body)),
                                            torch::autograd::deleteNode);
  torch::autograd::set_history(y, node);
}

}  // namespace selfsup::fused
