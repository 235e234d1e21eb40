#include "train/telemetry.h"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "distributed/single_process.h"

namespace selfsup::train {

TEST_CASE("on a device the numbers are read now and then, whatever the interval of the log") {
  const distributed::SingleProcess group;
  Telemetry telemetry(group, true, true);
  const at::Tensor somewhere = at::empty({}, at::TensorOptions(at::kMeta).dtype(at::kFloat));
  int64_t added = 0;
  do telemetry.add({}, {{}, somewhere, std::nullopt}, 1, 0);
  while (++added < 1000 && !telemetry.due());
  CHECK(added > 1);
  CHECK(added < 1000);
  Telemetry on_cpu(group, true, true);
  on_cpu.add({}, {{}, at::ones({}), std::nullopt}, 1, 0);
  CHECK(on_cpu.due());
}

TEST_CASE("numbers that wait for each other are read each to its name") {
  const distributed::SingleProcess group;
  Telemetry telemetry(group, true, true);
  telemetry.add({}, {{{"other", at::full({}, 1.0), 0}}, at::full({}, 2.0), std::nullopt}, 1, 0);
  telemetry.add({}, {{{"other", at::full({}, 3.0), 0}}, at::full({}, 4.0), at::full({}, 5.0)}, 1, 0);
  telemetry.read("");
  const report::Scalars scalars = telemetry.scalars();
  const auto value = [&](const std::string& name) {
    for (const auto& [key, mean] : scalars)
      if (key == name) return mean;
    return -1.0;
  };
  CHECK(value("other") == Approx(3));  // the last: only losses are means
  CHECK(value("loss") == Approx(3));
  CHECK(value("grad_norm") == Approx(5));
}

}  // namespace selfsup::train
