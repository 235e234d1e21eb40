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

TEST_CASE("a line has the means of its own interval, each over the iterations that had the number") {
  const distributed::SingleProcess group;
  Telemetry telemetry(group, true, true);
  const auto add = [&](bridge::NamedTensor term, double loss, std::optional<at::Tensor> norm, double seconds) {
    telemetry.add({}, {{std::move(term)}, at::full({}, loss), std::move(norm)}, seconds, seconds / 2);
  };
  const auto line = [&] {
    telemetry.read("");
    report::TrainPoint point;
    telemetry.tell(point);
    return point;
  };
  add({"other", at::full({}, 1.0), 0}, 2, std::nullopt, 1);
  add({"rare", at::full({}, 6.0), 0}, 3, std::nullopt, 2);
  telemetry.add({}, {{"of an event", at::full({}, 7.0), 0}});
  add({"other", at::full({}, 3.0), 0}, 4, at::full({}, 5.0), 6);
  const report::TrainPoint first = line();
  CHECK(first.scalars == report::Scalars{{"loss", 3}, {"other", 2}, {"rare", 6}, {"grad_norm", 5}, {"of an event", 7}});
  CHECK(first.time == 3);
  CHECK(first.data_time == 1.5);
  add({"other", at::full({}, 9.0), 0}, 1, std::nullopt, 4);
  const report::TrainPoint second = line();
  CHECK(second.scalars == report::Scalars{{"loss", 1}, {"other", 9}});
  CHECK(second.time == 4);
}

}  // namespace selfsup::train
