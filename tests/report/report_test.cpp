#include <catch2/catch.hpp>
#include <cmath>

#include "report/log_line.h"
#include "report/table.h"

using namespace selfsup;
using namespace selfsup::report;

namespace {

TrainPoint example() {
  TrainPoint p;
  p.epoch = 1;
  p.max_epochs = 300;
  p.epoch_iter = 100;
  p.epoch_iters = 313;
  p.iter = 100;
  p.max_iters = 93900;
  p.rates = {{"lr", 1.9217e-05}};
  p.eta_seconds = 3 * 86400 + 4 * 3600 + 5 * 60 + 6.9;
  p.time = 2.18341;
  p.data_time = 0.43209;
  p.memory_mib = 37120;
  p.scalars = {{"loss", 1.12338}};
  return p;
}

}  // namespace

TEST_CASE("the training line has MMEngine's form") {
  TrainPoint p = example();
  CHECK(train_line(p) ==
        "Epoch(train)   [1][100/313]  lr: 1.9217e-05  eta: 3 days, 4:05:06  time: 2.1834  data_time: 0.4321  memory: "
        "37120  "
        "loss: 1.1234");
  p.epoch = 12;
  p.max_epochs = 12;
  p.epoch_iter = 7;
  p.rates = {{"lr", 0.5}, {"momentum", 0.9}};
  p.eta_seconds = 0;
  p.scalars = {{"grad_norm", 3}, {"loss", -0.00004}, {"loss_kl", 12345.6}, {"top1", std::nan("")}};
  CHECK(train_line(p) ==
        "Epoch(train) [12][  7/313]  lr: 5.0000e-01  momentum: 9.0000e-01  eta: 0:00:00  time: 2.1834  data_time: "
        "0.4321  "
        "memory: 37120  grad_norm: 3.0000  loss: -0.0000  loss_kl: 12345.6000  top1: nan");
  p.max_epochs = 9;
  p.epoch = 3;
  CHECK(train_line(p).substr(0, 28) == "Epoch(train) [3][  7/313]  l");
  p.max_epochs = 10;
  CHECK(train_line(p).substr(0, 28) == "Epoch(train)  [3][  7/313]  ");
}

TEST_CASE("a run that counts iterations has a line of its own form") {
  TrainPoint p = example();
  p.by_epoch = false;
  p.iter = 100;
  p.max_iters = 1500;
  CHECK(train_line(p).substr(0, 45) == "Iter(train) [ 100/1500]  lr: 1.9217e-05  eta:");
}

TEST_CASE("the metrics object has MMEngine's keys in its order") {
  TrainPoint p = example();
  p.scalars = {{"grad_norm", 0.5}, {"loss", 1.25}, {"loss_b", std::nan("")}};
  const std::string expected =
      R"({"lr":1.9217e-05,"data_time":0.43209,"grad_norm":0.5,"loss":1.25,"loss_b":null,"time":2.18341,"epoch":1,"iter":100,"memory":37120,"step":100})";
  CHECK(metrics_object(p) == parse_json(expected, "t", "t"));
  std::vector<std::string> keys;
  const Json object = metrics_object(p);
  for (const auto& [key, value] : object.as_object()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"lr", "data_time", "grad_norm", "loss", "loss_b", "time", "epoch", "iter",
                                         "memory", "step"});
}

TEST_CASE("durations read as Python prints them") {
  CHECK(duration_text(0) == "0:00:00");
  CHECK(duration_text(62.999) == "0:01:02");
  CHECK(duration_text(36000) == "10:00:00");
  CHECK(duration_text(86400) == "1 day, 0:00:00");
  CHECK(duration_text(100 * 86400 + 3599) == "100 days, 0:59:59");
  CHECK(duration_text(-5) == "0:00:00");
  CHECK(duration_text(std::nan("")) == "0:00:00");
  CHECK(duration_text(INFINITY) == "0:00:00");
  Eta eta;
  CHECK(eta.seconds(10) == 0);
  eta.add(1);
  eta.add(2);
  CHECK(eta.seconds(10) == 15);
}

TEST_CASE("peak memory grows with what is touched") {
  const int64_t before = peak_memory_mib();
  CHECK(before > 0);
  std::vector<char> block(static_cast<size_t>(before + 64) << 20, 1);
  CHECK(peak_memory_mib() >= before + 64);
  CHECK(block.back() == 1);
}

TEST_CASE("tables are aligned") {
  CHECK(table_text({{"probe", "kNN", "linear"}, {"random initialisation", "65.0 %", "51.0 %"}, {"é", "9"}}) ==
        "probe                     kNN  linear\n"
        "---------------------  ------  ------\n"
        "random initialisation  65.0 %  51.0 %\n"
        "é                           9");
  CHECK(table_text({}).empty());
}
