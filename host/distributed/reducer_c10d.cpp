#include "distributed/reducer_c10d.h"

#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>
#include <exception>
#include <limits>
#include <type_traits>
#include <unordered_map>

#include "base/errors.h"
#include "distributed/rank_text.h"
#include "distributed/reducer_bf16.h"
#include "distributed/values.h"

namespace selfsup::distributed {
namespace {

using Order = std::vector<std::vector<size_t>>;

// Opens what the class keeps for heirs: the exact buckets, and whether they are to be rebuilt.
class OpenReducer final : public c10d::Reducer {
 public:
  using c10d::Reducer::Reducer;

  Buckets order() const {
    Buckets order;
    for (const Bucket& bucket : buckets_)
      order.emplace_back(bucket.variable_indices.begin(), bucket.variable_indices.end());
    return order;
  }
  void keep(const Order& order) {
    initialize_buckets(order);
    has_rebuilt_bucket_ = true;
  }
};

static_assert(
    std::is_constructible_v<OpenReducer, std::vector<at::Tensor>, Order, c10::intrusive_ptr<c10d::ProcessGroup>,
                            std::vector<bool>, int64_t, bool, bool, std::unordered_map<size_t, std::string>, int64_t,
                            bool, bool, std::vector<int64_t>>,
    "c10d's Reducer takes other arguments in this LibTorch");

// Whether each of `count` parameters is in one bucket.
bool are_of(const Buckets& buckets, size_t count) {
  std::vector<bool> seen(count, false);
  size_t found = 0;
  for (const auto& bucket : buckets) {
    if (bucket.empty()) return false;
    for (const int64_t index : bucket) {
      if (index < 0 || static_cast<size_t>(index) >= count || seen[static_cast<size_t>(index)]) return false;
      seen[static_cast<size_t>(index)] = true;
      found += 1;
    }
  }
  return found == count;
}

std::string text_of(const std::exception& error) {
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  return of_torch ? of_torch->what_without_backtrace() : error.what();
}

// PyTorch's 25 MiB are most of a small model, whose one large message could only begin when backward is nearly done. An
// eighth of all gradients leaves seven eighths of them a chance to hide behind it; less than 1 MiB would be dominated
// by the cost of a message.
size_t fitted_cap(const NamedParameters& parameters) {
  size_t bytes = 0;
  for (const auto& [name, tensor] : parameters) bytes += tensor.nbytes();
  return std::clamp<size_t>(bytes / 8, size_t{1} << 20, size_t{25} << 20);
}

class C10dReducer final : public Reducer {
 public:
  C10dReducer(c10::intrusive_ptr<c10d::ProcessGroup> backend, const NamedParameters& parameters,
              const ReducerOptions& options, int rank)
      : rank_(rank),
        find_unused_(options.find_unused_parameters),
        cap_(options.bucket_mb ? static_cast<size_t>(*options.bucket_mb * 1024 * 1024) : fitted_cap(parameters)),
        first_cap_(std::min<size_t>(cap_, c10d::kDefaultFirstBucketBytes)) {
    std::unordered_map<size_t, std::string> names;
    for (const auto& [name, tensor] : parameters) {
      names.emplace(names_.size(), name);
      names_.push_back(name);
      tensors_.push_back(tensor);
    }
    // As Python's DDP: one bucket to begin with where the order of the first step will decide, and the last parameters
    // first, since their gradients come first.
    std::vector<size_t> limits = {std::numeric_limits<int>::max()};
    if (find_unused_) limits = {first_cap_, cap_};
    Order order = by_size(tensors_, limits);
    std::ranges::reverse(order);
    reducer_ = std::make_shared<OpenReducer>(
        tensors_, std::move(order), backend, /*expect_sparse_gradients=*/std::vector<bool>(tensors_.size(), false),
        static_cast<int64_t>(cap_), find_unused_, /*gradient_as_bucket_view=*/true, std::move(names),
        static_cast<int64_t>(first_cap_), /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
        /*bucket_bytes_cap_list=*/std::vector<int64_t>());
    logger_ = std::make_shared<c10d::Logger>(reducer_);
    reducer_->set_logger(logger_);
    if (options.compress_bf16) reducer_->register_comm_hook(bf16_hook(std::move(backend)));
  }

  void before_forward() override { reducer_->prepare_for_forward(); }

  void before_backward(const at::Tensor& loss) override {
    ready_before_ = reducer_->get_backward_stats();
    reducer_->prepare_for_backward(find_unused_ ? std::vector<at::Tensor>{loss} : std::vector<at::Tensor>());
  }

  // c10d would look for what is missing when the next step begins, where no other rank can be told any more.
  void after_backward(const std::vector<at::Tensor>&) override {
    try {
      reducer_->check_finalized();
    } catch (const c10::Error& error) {
      throw Error(Exit::usage, missing_text(error));
    }
  }

  // Not at the next step's forward, as Python's DDP: a checkpoint in between is to hold what that step will use, and
  // gradients that accumulate by then would be divided differently.
  void after_update() override {
    try {
      reducer_->rebuild_buckets();
    } catch (const std::exception& error) {
      throw Error(Exit::peer, "the ranks could not be told the order of gradients: " + first_line(text_of(error)));
    }
  }

  Buckets buckets() const override { return reducer_->order(); }

  // In that order, and cut as c10d cuts it: if bucket_mb is what it was, into the same buckets.
  void take_buckets(const Buckets& buckets) override {
    if (find_unused_ || !are_of(buckets, names_.size())) return;  // with the former the order never changes
    std::vector<int64_t> indices;
    std::vector<at::Tensor> ordered;
    for (const auto& bucket : buckets) {
      for (const int64_t index : bucket) {
        indices.push_back(index);
        ordered.push_back(tensors_[static_cast<size_t>(index)]);
      }
    }
    reducer_->keep(by_size(ordered, {first_cap_, cap_}, indices));
  }

 private:
  static Order by_size(const std::vector<at::Tensor>& tensors, const std::vector<size_t>& limits,
                       const std::vector<int64_t>& indices = {}) {
    return std::get<0>(
        c10d::compute_bucket_assignment_by_size(tensors, limits, std::vector<bool>(tensors.size(), false), indices));
  }

  // The time at which a gradient was ready tells which of them came.
  std::string missing_text(const c10::Error& error) const {
    const std::vector<int64_t> ready = reducer_->get_backward_stats();
    std::vector<std::string> missing;
    for (size_t i = 0; i < names_.size(); ++i)
      if (ready[i] == ready_before_[i]) missing.push_back(names_[i]);
    if (missing.empty()) return fmt::format("rank {}: {}", rank_, text_of(error));
    constexpr size_t shown = 8;
    const size_t count = missing.size();
    missing.resize(std::min(count, shown));
    return fmt::format(
        "rank {}: the loss of this step does not depend on {}{}, and the ranks wait for the gradients of all trained "
        "parameters. If some have no part in some steps, set find_unused_parameters to true",
        rank_, fmt::join(missing, ", "), count > shown ? fmt::format(" and {} others", count - shown) : "");
  }

  int rank_;
  bool find_unused_;
  size_t cap_, first_cap_;  // bytes
  std::vector<std::string> names_;
  std::vector<at::Tensor> tensors_;
  std::vector<int64_t> ready_before_;
  std::shared_ptr<OpenReducer> reducer_;
  std::shared_ptr<c10d::Logger> logger_;  // the reducer takes for granted that there is one, and owns none
};

}  // namespace

std::unique_ptr<Reducer> make_c10d_reducer(const Group& group, const c10::intrusive_ptr<c10d::ProcessGroup>& backend,
                                           const NamedParameters& parameters, const ReducerOptions& options) {
  require_same_parameters(group, parameters);
  std::vector<at::Tensor> values;
  for (const auto& [name, tensor] : parameters) values.push_back(tensor);
  broadcast_values(group, values);
  return std::make_unique<C10dReducer>(backend, parameters, options, group.rank());
}

}  // namespace selfsup::distributed
