// Owns the text of a training line and what else it tells: time left, memory.
// Knows no tensor and no file. The form is MMEngine's.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace selfsup::report {

using Scalars = std::vector<std::pair<std::string, double>>;  // in the order in which they are printed

// Time left = mean time of an iteration since this process began to train × iterations to come.
class Eta {
 public:
  void add(double iteration_seconds) { total_ += iteration_seconds, ++count_; }
  double seconds(int64_t iterations_left) const {
    return count_ ? total_ / count_ * static_cast<double>(iterations_left) : 0;
  }

 private:
  double total_ = 0;
  int64_t count_ = 0;
};

// "0:01:02", "1 day, 4:05:06", "3 days, 4:05:06"; fractions are cut, negative and non-finite give "0:00:00".
std::string duration_text(double seconds);

// Peak resident memory of this process in MiB.
int64_t peak_memory_mib();

// What is known when a line is due. Counts start at 1.
struct TrainPoint {
  bool by_epoch = true;
  int64_t epoch = 1, max_epochs = 1;
  int64_t epoch_iter = 1, epoch_iters = 1;  // place in the epoch and its length
  int64_t iter = 1, max_iters = 1;          // over the whole run
  Scalars rates;                            // lr first
  double eta_seconds = 0, time = 0, data_time = 0;
  int64_t memory_mib = 0;
  Scalars scalars;        // grad_norm (if any), loss, further losses and metrics
  int64_t bad_files = 0;  // in the lists of all ranks, one after the other; not printed
};

// "Epoch(train)   [1][100/313]  lr: 1.9217e-05  eta: 3 days, 4:05:06  time: 2.1834  data_time: 0.4321  memory: 37120
// loss: 1.1234" or "Iter(train) [ 100/1500]  lr: …".
std::string train_line(const TrainPoint& point);

// The object for metrics.jsonl: lr, data_time, the scalars, time, epoch, iter, memory, step; a value that is not finite
// is null.
Json metrics_object(const TrainPoint& point);

}  // namespace selfsup::report
