#include "distributed/process_group.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <algorithm>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "distributed/gloo.h"
#include "distributed/rank_text.h"

namespace selfsup::distributed {
namespace {

using WorkPointer = c10::intrusive_ptr<c10d::Work>;

// How long operations under way, and their threads, are waited for at the end.
constexpr std::chrono::seconds parting(2);

Error failed(const char* operation, const std::exception& e) {
  return Error(Exit::peer, fmt::format("{} with the other ranks failed: {}", operation, first_line(e.what())));
}

// Starts an operation, and waits for it: of the CPU till it is done, of a GPU till its stream is made to wait.
template <class Start>
void run(std::atomic<bool>& lost, const char* operation, Start start) {
  try {
    const WorkPointer work = start();
    work->wait();
  } catch (const std::exception& e) {
    lost = true;
    throw failed(operation, e);
  }
}

c10d::ReduceOp operation_of(Reduce how) {
  switch (how) {
    case Reduce::sum:
    case Reduce::mean:
      return c10d::ReduceOp::SUM;  // gloo has no mean; NCCL's would round otherwise
    case Reduce::max:
      return c10d::ReduceOp::MAX;
    case Reduce::min:
      return c10d::ReduceOp::MIN;
  }
  throw Error(Exit::failed, fmt::format("no reduction has the number {}", static_cast<int>(how)));
}

void need_contiguous(const char* operation, const at::Tensor& tensor) {
  if (!tensor.is_contiguous())
    throw Error(Exit::failed, fmt::format("{} of ranks takes contiguous tensors; this one has {} with strides {}",
                                          operation, c10::str(tensor.sizes()), c10::str(tensor.strides())));
}

void need_rows(const char* operation, const at::Tensor& rows) {
  need_contiguous(operation, rows);
  if (rows.dim() == 0)
    throw Error(Exit::failed, fmt::format("{} of ranks takes rows; this tensor has no dimension", operation));
}

void need_reducible(const at::Tensor& tensor, Reduce how) {
  need_contiguous("all_reduce", tensor);
  const at::ScalarType type = tensor.scalar_type();
  const bool sums = how == Reduce::sum || how == Reduce::mean;
  if (at::isComplexType(type) || (type == at::kBool && sums) || (how == Reduce::mean && !at::isFloatingType(type)))
    throw Error(Exit::failed, fmt::format("the ranks can form no {} of {}: {}",
                                          how == Reduce::mean ? "mean" : "reduction", c10::toString(type),
                                          type == at::kBool ? "take the maximum or the minimum" : "convert it first"));
}

// The same memory, for operations that only carry it: they do so for every type of element.
at::Tensor bytes_of(const at::Tensor& tensor) { return tensor.view({-1}).view(at::kByte); }

}  // namespace

ProcessGroup::ProcessGroup(const std::string& name, const c10::intrusive_ptr<c10d::Store>& store, int rank, int world,
                           const std::string& interface, std::chrono::milliseconds timeout)
    : rank_(rank), world_(world) {
  try {
    const auto gloo = make_gloo_backend(store, rank, world, interface, timeout);
    group_ = c10::make_intrusive<c10d::ProcessGroup>(store, rank, world);
    group_->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
    group_->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO, gloo);
    group_->setGroupName(name);
  } catch (const std::exception& e) {
    throw Error(Exit::peer, fmt::format("rank {} could not connect to the {} others over {}: {}", rank, world - 1,
                                        interface, first_line(e.what())));
  }
}

ProcessGroup::~ProcessGroup() {
  // The end of a backend waits for what its threads do, however long the others let them wait. So it is a thread's,
  // which is left behind with an operation that does not end: the process ends soon.
  try {
    auto parted = std::make_shared<std::promise<void>>();
    const std::future<void> done = parted->get_future();
    std::thread([group = std::move(group_), parted]() mutable {
      try {
        group->shutdown();
      } catch (const std::exception&) {  // of a group that has failed before
      }
      group.reset();
      parted->set_value();
    }).detach();
    done.wait_for(parting);
  } catch (const std::exception&) {  // no thread
  }
}

void ProcessGroup::add_device(c10::DeviceType type, const BackendMaker& maker,
                              const c10::intrusive_ptr<c10d::Store>& store) {
  using c10d::ProcessGroup;
  if (!maker) {
    group_->setBackend(type, ProcessGroup::BackendType::GLOO, group_->getBackend(c10::DeviceType::CPU));
    return;
  }
  try {
    group_->setBackend(type, ProcessGroup::BackendType::NCCL, maker(store, rank_, world_));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    throw failed("what carries the GPU's tensors", e);
  }
  group_->setGroupName(group_->getGroupName());  // tells the new backend
  carried_.insert(type);
}

bool ProcessGroup::carries(const at::Tensor& tensor) const { return carried_.count(tensor.device().type()) > 0; }

c10d::Backend& ProcessGroup::backend_of(const at::Tensor& tensor) const {
  return *group_->getBackend(tensor.device().type());
}

void ProcessGroup::all_reduce(const at::Tensor& tensor, Reduce how) const {
  need_reducible(tensor, how);
  if (tensor.numel() == 0) return;
  const at::NoGradGuard no_grad;
  if (!carries(tensor)) {
    const at::Tensor here = tensor.cpu();
    all_reduce(here, how);
    tensor.copy_(here);
    return;
  }
  run(lost_, "all_reduce", [&] {
    std::vector<at::Tensor> tensors{tensor};
    c10d::AllreduceOptions options;
    options.reduceOp = operation_of(how);
    return backend_of(tensor).allreduce(tensors, options);
  });
  if (how == Reduce::mean) tensor.div_(world_);
}

void ProcessGroup::broadcast(const at::Tensor& tensor, int root) const {
  need_contiguous("broadcast", tensor);
  if (tensor.numel() == 0) return;
  const at::NoGradGuard no_grad;
  if (!carries(tensor)) {
    const at::Tensor here = tensor.cpu();
    broadcast(here, root);
    tensor.copy_(here);
    return;
  }
  run(lost_, "broadcast", [&] {
    std::vector<at::Tensor> tensors{bytes_of(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return backend_of(tensor).broadcast(tensors, options);
  });
}

at::Tensor ProcessGroup::all_gather(const at::Tensor& rows) const {
  need_rows("all_gather", rows);
  const at::NoGradGuard no_grad;
  if (!carries(rows)) return all_gather(rows.cpu()).to(rows.device());
  std::vector<int64_t> sizes = rows.sizes().vec();
  sizes[0] *= world_;
  const at::Tensor all = at::empty(sizes, rows.options().requires_grad(false));
  if (rows.numel() == 0) return all;
  run(lost_, "all_gather", [&] {
    at::Tensor output = bytes_of(all), input = bytes_of(rows);
    return backend_of(rows)._allgather_base(output, input);
  });
  return all;
}

at::Tensor ProcessGroup::reduce_scatter(const at::Tensor& rows) const {
  need_rows("reduce_scatter", rows);
  need_reducible(rows, Reduce::sum);
  if (rows.size(0) % world_ != 0)
    throw Error(Exit::failed, fmt::format("reduce_scatter of {} ranks takes a multiple of {} rows, not {}", world_,
                                          world_, rows.size(0)));
  const at::NoGradGuard no_grad;
  const int64_t n = rows.size(0) / world_;
  if (rows.device().is_cpu() || !carries(rows)) {  // gloo's own is no faster
    const at::Tensor all = rows.detach().clone();
    all_reduce(all, Reduce::sum);
    return all.narrow(0, rank_ * n, n).clone();
  }
  std::vector<int64_t> sizes = rows.sizes().vec();
  sizes[0] = n;
  at::Tensor own = at::empty(sizes, rows.options().requires_grad(false));
  if (rows.numel() == 0) return own;
  run(lost_, "reduce_scatter", [&] {
    at::Tensor input = rows.detach();
    return backend_of(rows)._reduce_scatter_base(own, input);
  });
  return own;
}

void ProcessGroup::all_reduce(std::span<double> numbers, Reduce how) const {
  if (numbers.empty()) return;
  all_reduce(at::from_blob(numbers.data(), {static_cast<int64_t>(numbers.size())}, at::kDouble), how);
}

std::function<double()> ProcessGroup::highest_later(double number) const {
  const at::Tensor tensor = at::full({1}, number, at::kDouble);
  WorkPointer work;
  try {
    std::vector<at::Tensor> tensors{tensor};
    c10d::AllreduceOptions options;
    options.reduceOp = c10d::ReduceOp::MAX;
    work = backend_of(tensor).allreduce(tensors, options);
  } catch (const std::exception& e) {
    lost_ = true;
    throw failed("all_reduce", e);
  }
  return [this, tensor, work] {
    run(lost_, "all_reduce", [&] { return work; });
    return tensor.item<double>();
  };
}

std::vector<std::string> ProcessGroup::all_gather(const std::string& own) const {
  const at::Tensor lengths = all_gather(at::full({1}, static_cast<int64_t>(own.size()), at::kLong));
  const int64_t longest = lengths.max().item<int64_t>();
  const at::Tensor padded = at::zeros({longest}, at::kByte);
  std::copy(own.begin(), own.end(), padded.mutable_data_ptr<uint8_t>());
  const at::Tensor all = all_gather(padded);
  std::vector<std::string> texts;
  for (int rank = 0; rank < world_; ++rank) {
    const auto* begin = reinterpret_cast<const char*>(all.const_data_ptr<uint8_t>()) + rank * longest;
    texts.emplace_back(begin, static_cast<size_t>(lengths[rank].item<int64_t>()));
  }
  return texts;
}

}  // namespace selfsup::distributed
