// The reducer of groups that have no c10d below them: each gradient by itself, after backward.
#include "distributed/reducer.h"

namespace selfsup::distributed {
namespace {

class PlainReducer final : public Reducer {
 public:
  explicit PlainReducer(const Group& group) : group_(group) {}
  void before_forward() override {}
  void before_backward(const at::Tensor&) override {}
  void after_backward(const std::vector<at::Tensor>& gradients) override {
    if (group_.world() == 1) return;
    for (const at::Tensor& gradient : gradients) group_.all_reduce(gradient, Reduce::mean);
  }
  void after_update() override {}
  Buckets buckets() const override { return {}; }
  void take_buckets(const Buckets&) override {}

 private:
  const Group& group_;
};

}  // namespace

std::unique_ptr<Reducer> make_plain_reducer(const Group& group) { return std::make_unique<PlainReducer>(group); }

}  // namespace selfsup::distributed
