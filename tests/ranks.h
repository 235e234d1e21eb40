// Ranks as threads of one process, for tests of what many ranks do. On the CPU only: there each thread runs its own
// backward pass, where the ranks would share the one thread of a GPU and wait for each other in it.
#pragma once
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <barrier>
#include <exception>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "distributed/group.h"

namespace selfsup::test {

class ThreadRanks {
 public:
  explicit ThreadRanks(int world)
      : world_(world), meet_(world), given_(static_cast<size_t>(world)), texts_(static_cast<size_t>(world)) {}

  // Calls body on every rank at once. What one throws comes out, of the lowest rank; the others must then throw too.
  void run(const std::function<void(const distributed::Group&)>& body) {
    std::vector<std::exception_ptr> errors(static_cast<size_t>(world_));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < world_; ++rank) {
      threads.emplace_back([&, rank] {
        try {
          body(Rank(*this, rank));
        } catch (...) {
          errors[static_cast<size_t>(rank)] = std::current_exception();
        }
        meet_.arrive_and_drop();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
  }

 private:
  class Rank final : public distributed::Group {
   public:
    Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int world() const override { return all_.world_; }
    void all_reduce(const at::Tensor& tensor, distributed::Reduce how) const override {
      const at::Tensor every = at::stack(exchange(tensor));
      at::NoGradGuard no_grad;
      using distributed::Reduce;
      tensor.copy_(how == Reduce::sum    ? every.sum(0)
                   : how == Reduce::mean ? every.mean(0)
                   : how == Reduce::max  ? every.amax(0)
                                         : every.amin(0));
    }
    void broadcast(const at::Tensor& tensor, int root) const override {
      const at::Tensor of_root = exchange(tensor)[static_cast<size_t>(root)];
      at::NoGradGuard no_grad;
      tensor.copy_(of_root);
    }
    at::Tensor all_gather(const at::Tensor& rows) const override { return at::cat(exchange(rows)); }
    at::Tensor reduce_scatter(const at::Tensor& rows) const override {
      return at::stack(exchange(rows)).sum(0).chunk(world())[static_cast<size_t>(rank_)].clone();
    }
    void all_reduce(std::span<double> numbers, distributed::Reduce how) const override {
      const at::Tensor tensor = at::from_blob(numbers.data(), {static_cast<int64_t>(numbers.size())}, at::kDouble);
      if (!numbers.empty()) all_reduce(tensor, how);
    }
    std::function<double()> highest_later(double number) const override {
      return [found = highest(number)] { return found; };
    }
    std::vector<std::string> all_gather(const std::string& own) const override {
      all_.texts_[static_cast<size_t>(rank_)] = own;
      all_.meet_.arrive_and_wait();
      const std::vector<std::string> texts = all_.texts_;
      all_.meet_.arrive_and_wait();
      return texts;
    }

   private:
    // Copies of what every rank gives.
    std::vector<at::Tensor> exchange(const at::Tensor& own) const {
      all_.given_[static_cast<size_t>(rank_)] = own.detach().clone();
      all_.meet_.arrive_and_wait();
      const std::vector<at::Tensor> given = all_.given_;
      all_.meet_.arrive_and_wait();
      return given;
    }

    ThreadRanks& all_;
    int rank_;
  };

  int world_;
  std::barrier<> meet_;
  std::vector<at::Tensor> given_;
  std::vector<std::string> texts_;
};

// One rank's place among others that are not there: it has a number, and meets nobody.
class Place final : public distributed::Group {
 public:
  Place(int rank, int world) : rank_(rank), world_(world) {}
  int rank() const override { return rank_; }
  int world() const override { return world_; }
  void all_reduce(const at::Tensor&, distributed::Reduce) const override { alone(); }
  void broadcast(const at::Tensor&, int) const override { alone(); }
  at::Tensor all_gather(const at::Tensor&) const override { return alone(); }
  at::Tensor reduce_scatter(const at::Tensor&) const override { return alone(); }
  void all_reduce(std::span<double>, distributed::Reduce) const override { alone(); }
  std::function<double()> highest_later(double) const override { alone(); }
  std::vector<std::string> all_gather(const std::string&) const override { alone(); }

 private:
  [[noreturn]] static at::Tensor alone() { throw std::logic_error("a collective of a rank that is alone"); }

  int rank_, world_;
};

}  // namespace selfsup::test
