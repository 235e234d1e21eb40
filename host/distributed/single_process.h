// The group of a run in one process: rank 0 of 1, whose collectives change nothing. Knows no device.
#pragma once
#include "distributed/group.h"

namespace selfsup::distributed {

class SingleProcess final : public Group {
 public:
  int rank() const override { return 0; }
  int world() const override { return 1; }
  void all_reduce(const at::Tensor&, Reduce) const override {}
  void broadcast(const at::Tensor&, int) const override {}
  at::Tensor all_gather(const at::Tensor& rows) const override { return rows.detach().clone(); }
  at::Tensor reduce_scatter(const at::Tensor& rows) const override { return rows.detach().clone(); }
  void all_reduce(std::span<double>, Reduce) const override {}
  std::function<double()> highest_later(double number) const override {
    return [number] { return number; };
  }
  std::vector<std::string> all_gather(const std::string& own) const override { return {own}; }
};

}  // namespace selfsup::distributed
