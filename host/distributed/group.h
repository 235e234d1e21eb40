// The processes of a run, and what they do together. Knows no algorithm, no data and no file.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace selfsup::distributed {

enum class Reduce { sum, mean, max, min };

// Rank and world are asked here and nowhere else. A collective is called by every rank, in the same order.
class Group {
 public:
  virtual ~Group() = default;
  virtual int rank() const = 0;  // 0 .. world() - 1
  virtual int world() const = 0;

  // On the tensor's device, of contiguous tensors; the host does not wait. The first two are in place.
  virtual void all_reduce(const at::Tensor& tensor, Reduce how) const = 0;
  virtual void broadcast(const at::Tensor& tensor, int root) const = 0;
  // [n, …] on each rank, of equal sizes -> [world * n, …] in the order of ranks, a tensor of its own.
  virtual at::Tensor all_gather(const at::Tensor& rows) const = 0;
  // [world * n, …] on each rank, of equal sizes -> the sum over ranks of the own [n, …], a tensor of its own.
  virtual at::Tensor reduce_scatter(const at::Tensor& rows) const = 0;

  // Numbers of the host, in place: each rank waits for all.
  virtual void all_reduce(std::span<double> numbers, Reduce how) const = 0;
  double highest(double number) const {
    all_reduce({&number, 1}, Reduce::max);
    return number;
  }
  bool any(bool here) const { return highest(here ? 1 : 0) > 0; }
  // The highest over ranks, which is waited for when the function is called; once. Others may come between.
  virtual std::function<double()> highest_later(double number) const = 0;
  // Texts of the host, of any length, in the order of ranks: each rank waits for all.
  virtual std::vector<std::string> all_gather(const std::string& own) const = 0;
  // Whether all ranks give one number.
  bool same(double number) const {
    double ends[] = {number, -number};
    all_reduce(ends, Reduce::max);
    return ends[0] == -ends[1];
  }
};

}  // namespace selfsup::distributed
