#include "distributed/differentiable.h"

#include <ATen/ops/clone.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <functional>
#include <utility>

namespace selfsup::distributed {
namespace {

using Map = std::function<at::Tensor(const at::Tensor&)>;

class Adjoint final : public torch::autograd::Node {
 public:
  Adjoint(const char* name, Map map) : name_(name), map_(std::move(map)) {}
  std::string name() const override { return name_; }
  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    // One that is not there is zero: the other ranks wait for this one's.
    const at::Tensor& gradient = gradients[0];
    return {map_(gradient.defined() ? gradient : input_metadata(0).zeros_like())};
  }

 private:
  const char* name_;
  Map map_;
};

// result: of a linear map of `argument` that autograd has not seen.
at::Tensor with_gradient(const at::Tensor& argument, at::Tensor result, const char* name, Map adjoint) {
  if (!torch::autograd::compute_requires_grad(argument)) return result;
  const std::shared_ptr<Adjoint> node(new Adjoint(name, std::move(adjoint)), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(argument));
  torch::autograd::set_history(result, node);
  return result;
}

at::Tensor scatter_rows(const Group& group, const at::Tensor& rows) {
  return with_gradient(rows, group.reduce_scatter(rows.detach().contiguous()), "ReduceScatterBackward",
                       [&group](const at::Tensor& g) { return gather_rows(group, g, GatherGradient::reduce_scatter); });
}

}  // namespace

at::Tensor gather_rows(const Group& group, const at::Tensor& rows, GatherGradient gradient) {
  at::Tensor all = group.all_gather(rows.detach().contiguous());
  switch (gradient) {
    case GatherGradient::none:
      return all;
    case GatherGradient::local_slice:
      return with_gradient(rows, std::move(all), "AllGatherLocalBackward",
                           [first = group.rank() * rows.size(0), n = rows.size(0)](const at::Tensor& g) {
                             return g.narrow(0, first, n);
                           });
    case GatherGradient::reduce_scatter:
      break;
  }
  return with_gradient(rows, std::move(all), "AllGatherBackward",
                       [&group](const at::Tensor& g) { return scatter_rows(group, g); });
}

at::Tensor reduce(const Group& group, const at::Tensor& tensor, Reduce how) {
  at::Tensor result = tensor.detach().clone(at::MemoryFormat::Contiguous);
  group.all_reduce(result, how);
  return with_gradient(tensor, std::move(result), "AllReduceBackward",
                       [&group, how](const at::Tensor& g) { return reduce(group, g, how); });
}

}  // namespace selfsup::distributed
