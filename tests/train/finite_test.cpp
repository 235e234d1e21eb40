#include "train/finite.h"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include <limits>

namespace selfsup::train {

TEST_CASE("a tensor that holds what is not finite is found, wherever it stands in it") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16})
    for (const bool dense : {true, false}) {
      INFO(type << " " << dense);
      // Neither extremes nor emptiness are a fault.
      std::vector<at::Tensor> tensors = {at::zeros({0}, type), at::full({17}, -0.0, type), at::full({}, 1e-45, type),
                                         at::full({3}, 3e38, type), at::full({40, 1000}, -3e38, type)};
      if (!dense) tensors.push_back(at::ones({6, 6}, type).slice(1, 0, 6, 2));
      CHECK_FALSE(first_not_finite(tensors));
      for (const float bad : {inf, -inf, nan})
        for (const int64_t place : {0, 7, 8, 15, 16, 32767, 32768, 39999}) {
          at::Tensor& last = tensors[4];
          last.view({-1})[place].fill_(bad);
          CHECK(first_not_finite(tensors) == 4);
          tensors[1].view({-1})[place % 17].fill_(bad);
          CHECK(first_not_finite(tensors) == 1);
          last.view({-1})[place].fill_(1);
          tensors[1].view({-1})[place % 17].fill_(1);
        }
      if (dense) continue;
      tensors.back()[3][1].fill_(nan);
      CHECK(first_not_finite(tensors) == 5);
    }
  CHECK_FALSE(first_not_finite({}));
}

}  // namespace selfsup::train
