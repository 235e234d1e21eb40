#include "distributed/reducer_bf16.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/comm.hpp>

#include <utility>
#include <vector>

namespace selfsup::distributed {
namespace {

class Bf16Hook final : public c10d::CommHookInterface {
 public:
  explicit Bf16Hook(c10::intrusive_ptr<c10d::ProcessGroup> backend) : backend_(std::move(backend)) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const at::Tensor gradients = bucket.getBuffer();
    std::vector<at::Tensor> travelling = {(gradients / backend_->getSize()).to(at::kBFloat16)};
    const auto arrived = backend_->allreduce(travelling)->getFuture();
    // The future's own value, since on a GPU it is that which knows the stream of the sum.
    return arrived->then(
        [gradients](c10::ivalue::Future& sum) {
          gradients.copy_(c10d::detail::parseCppCommHookResult(sum.value()));
          return c10::IValue(gradients);
        },
        c10::TensorType::get());
  }

  at::Tensor parseHookResult(const c10::IValue& result) override {
    return c10d::detail::parseCppCommHookResult(result);
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroup> backend_;
};

}  // namespace

std::unique_ptr<c10d::CommHookInterface> bf16_hook(c10::intrusive_ptr<c10d::ProcessGroup> backend) {
  return std::make_unique<Bf16Hook>(std::move(backend));
}

}  // namespace selfsup::distributed
