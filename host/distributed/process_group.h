// A group of processes over c10d: gloo carries tensors of the CPU, what add_device adds those of another device. Knows
// neither how the processes met nor what they do.
#pragma once
#include <c10/util/intrusive_ptr.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "distributed/group.h"
#include "distributed/world.h"

namespace c10d {
class Backend;
class ProcessGroup;
class Store;
class Work;
}  // namespace c10d

namespace selfsup::distributed {

// Errors of a collective: Error(peer) with the operation and LibTorch's first line; Error(failed) for a tensor that it
// cannot take (not contiguous, a mean of integers, a sum of bool or complex numbers), before anything is sent. One
// thread at a time.
class ProcessGroup final : public Group {
 public:
  // Returns when all ranks have connected. The store is for this group alone. Error(peer).
  ProcessGroup(const std::string& name, const c10::intrusive_ptr<c10d::Store>& store, int rank, int world,
               const std::string& interface, std::chrono::milliseconds timeout);
  // Operations that are still under way are waited for, though not long: the others may have gone.
  ~ProcessGroup() override;

  // An empty maker: gloo carries the device's tensors too, through copies in the host's memory.
  void add_device(c10::DeviceType type, const BackendMaker& maker, const c10::intrusive_ptr<c10d::Store>& store);
  const c10::intrusive_ptr<c10d::ProcessGroup>& c10d_group() const { return group_; }

  // Whether an operation with the others has failed: plugin code that it went through may have made another error of
  // it.
  bool lost() const { return lost_; }

  int rank() const override { return rank_; }
  int world() const override { return world_; }
  void all_reduce(const at::Tensor& tensor, Reduce how) const override;
  void broadcast(const at::Tensor& tensor, int root) const override;
  at::Tensor all_gather(const at::Tensor& rows) const override;
  at::Tensor reduce_scatter(const at::Tensor& rows) const override;
  void all_reduce(std::span<double> numbers, Reduce how) const override;
  std::function<double()> highest_later(double number) const override;
  std::vector<std::string> all_gather(const std::string& own) const override;

 private:
  bool carries(const at::Tensor& tensor) const;  // as it is; else through the host's memory
  c10d::Backend& backend_of(const at::Tensor& tensor) const;

  int rank_, world_;
  mutable std::atomic<bool> lost_{false};
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  std::set<c10::DeviceType> carried_{c10::DeviceType::CPU};
};

}  // namespace selfsup::distributed
