// The group of the ranks that run_ranks has started: gloo over loopback. For the rank's main thread.
#pragma once
#define USE_C10D_GLOO
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <memory>
#include <string>
#include <vector>

#include "distributed/reducer_c10d.h"
#include "distributed/single_process.h"
#include "processes.h"

namespace selfsup::test {

class GlooGroup final : public distributed::Group {
 public:
  GlooGroup(const RankPlace& place, const std::string& purpose) : rank_(place.rank), world_(place.world) {
    const auto store = c10::make_intrusive<c10d::FileStore>((place.folder / ("store." + purpose)).string(), world_);
    const auto options = c10d::ProcessGroupGloo::Options::create();
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface("lo"));
    options->timeout = std::chrono::minutes(5);
    const auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank_, world_, options);
    backend_ = c10::make_intrusive<c10d::ProcessGroup>(store, rank_, world_);
    backend_->setDefaultBackend(c10d::ProcessGroup::GLOO);
    backend_->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::GLOO, gloo);
    backend_->setGroupName(purpose);
  }
  const c10::intrusive_ptr<c10d::ProcessGroup>& backend() const { return backend_; }

  int rank() const override { return rank_; }
  int world() const override { return world_; }
  void all_reduce(const at::Tensor& tensor, distributed::Reduce how) const override {
    using distributed::Reduce;
    c10d::AllreduceOptions options;
    options.reduceOp = how == Reduce::max   ? c10d::ReduceOp::MAX
                       : how == Reduce::min ? c10d::ReduceOp::MIN
                                            : c10d::ReduceOp::SUM;
    std::vector<at::Tensor> tensors = {tensor};
    backend_->allreduce(tensors, options)->wait();
    const at::NoGradGuard no_grad;
    if (how == Reduce::mean) tensor.div_(world_);
  }
  void broadcast(const at::Tensor& tensor, int root) const override {
    std::vector<at::Tensor> tensors = {tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    backend_->broadcast(tensors, options)->wait();
  }
  at::Tensor all_gather(const at::Tensor& rows) const override {
    std::vector<std::vector<at::Tensor>> out(1);
    for (int rank = 0; rank < world_; ++rank) out[0].push_back(at::empty_like(rows));
    std::vector<at::Tensor> in = {rows.detach()};
    backend_->allgather(out, in)->wait();
    return at::cat(out[0]);
  }
  at::Tensor reduce_scatter(const at::Tensor& rows) const override {
    const at::Tensor sum = rows.detach().clone();
    all_reduce(sum, distributed::Reduce::sum);
    return sum.chunk(world_)[static_cast<size_t>(rank_)].clone();
  }
  void all_reduce(std::span<double> numbers, distributed::Reduce how) const override {
    if (numbers.empty()) return;
    all_reduce(at::from_blob(numbers.data(), {static_cast<int64_t>(numbers.size())}, at::kDouble), how);
  }
  std::function<double()> highest_later(double number) const override {
    return [found = highest(number)] { return found; };
  }
  std::vector<std::string> all_gather(const std::string& own) const override {
    const auto longest = static_cast<int64_t>(highest(static_cast<double>(own.size())));
    const at::Tensor bytes = at::zeros({1, longest + 8}, at::kByte);
    const auto size = static_cast<int64_t>(own.size());
    std::memcpy(bytes.data_ptr(), &size, 8);
    std::memcpy(bytes.data_ptr<uint8_t>() + 8, own.data(), own.size());
    const at::Tensor all = all_gather(bytes);
    std::vector<std::string> texts;
    for (int64_t rank = 0; rank < world_; ++rank) {
      const auto* row = all[rank].const_data_ptr<uint8_t>();
      int64_t length = 0;
      std::memcpy(&length, row, 8);
      texts.emplace_back(reinterpret_cast<const char*>(row) + 8, static_cast<size_t>(length));
    }
    return texts;
  }

 private:
  int rank_, world_;
  c10::intrusive_ptr<c10d::ProcessGroup> backend_;
};

class RankWorld {
 public:
  explicit RankWorld(const RankPlace& place) {
    if (place.world == 1) return;
    host_ = std::make_unique<GlooGroup>(place, "host");
    plugins_ = std::make_unique<GlooGroup>(place, "plugins");
  }
  const distributed::Group& group() const {
    if (host_) return *host_;
    return alone_;
  }
  const distributed::Group& plugins() const {
    if (plugins_) return *plugins_;
    return alone_;
  }
  std::unique_ptr<distributed::Reducer> reducer(const distributed::NamedParameters& parameters,
                                                const distributed::ReducerOptions& options = {}) const {
    if (!host_) return distributed::make_plain_reducer(alone_);
    return distributed::make_c10d_reducer(*host_, host_->backend(), parameters, options);
  }

 private:
  const distributed::SingleProcess alone_;
  std::unique_ptr<GlooGroup> host_, plugins_;
};

}  // namespace selfsup::test
