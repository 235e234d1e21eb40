#include "distributed/values.h"

#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <mutex>

#include "ranks.h"

namespace selfsup::distributed {
namespace {

// Of every kind that a model may have: types, layouts, views, sizes 0 and 1, and one that needs a gradient.
std::vector<at::Tensor> values(int rank) {
  at::manual_seed(static_cast<uint64_t>(3 + rank));
  return {at::randn({4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast),
          at::full({}, rank, at::kLong),
          at::randn({5, 7}).t(),
          at::randn({3}).set_requires_grad(true),
          at::rand({9}) > 0.5,
          at::randn({2, 2}).to(at::kBFloat16),
          at::empty({0, 3}),
          at::randn({8}, at::kDouble).slice(0, 0, 8, 3),
          at::full({}, rank + 10, at::kLong),
          at::full({1}, std::numeric_limits<float>::quiet_NaN())};
}

}  // namespace

TEST_CASE("every rank gets rank 0's values, whatever they lie in") {
  std::mutex checks;
  test::ThreadRanks(3).run([&](const Group& group) {
    std::unique_lock lock(checks);  // one generator of random numbers for all
    const std::vector<at::Tensor> own = values(group.rank()), first = values(0);
    lock.unlock();
    std::vector<std::vector<int64_t>> strides;
    for (const at::Tensor& tensor : own) strides.push_back(tensor.strides().vec());
    broadcast_values(group, own);
    lock.lock();
    for (size_t i = 0; i < own.size(); ++i) {
      INFO(group.rank() << " " << i);
      CHECK(own[i].strides().vec() == strides[i]);
      CHECK(own[i].sizes() == first[i].sizes());
      CHECK(at::equal(own[i].nan_to_num(), first[i].nan_to_num()));
      CHECK(at::equal(own[i].isnan(), first[i].isnan()));
    }
    CHECK(own[3].requires_grad());
  });
}

TEST_CASE("values of many megabytes go in several messages") {
  std::mutex checks;
  test::ThreadRanks(2).run([&](const Group& group) {
    // 24 MiB each: no three of them fit into a message of 64, the last is longer than one.
    std::vector<at::Tensor> own;
    for (int i = 0; i < 5; ++i) own.push_back(at::full({6 << 20}, group.rank() * 10 + i, at::kFloat));
    own.push_back(at::full({20 << 20}, group.rank() * 10 + 5, at::kFloat));
    broadcast_values(group, own);
    const std::lock_guard lock(checks);
    for (size_t i = 0; i < own.size(); ++i) CHECK(at::equal(own[i], at::full_like(own[i], static_cast<double>(i))));
  });
}

TEST_CASE("every rank gets rank 0's text, of any length and any bytes") {
  std::mutex checks;
  const std::string of_zero[] = {"", "/a path", std::string("\0\xff\n", 3), std::string(100'000, 'x')};
  test::ThreadRanks(3).run([&](const Group& group) {
    for (const std::string& text : of_zero) {
      const std::string got = broadcast_text(group, group.rank() == 0 ? text : std::string(7, 'o'));
      const std::lock_guard lock(checks);
      CHECK(got == text);
    }
  });
}

}  // namespace selfsup::distributed
