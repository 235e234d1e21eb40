// Owns the numbers that have come since the last log line, until the next one tells them, and their text for a
// checkpoint. Knows no tensor, no file and no meaning of a name.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "report/log_line.h"

namespace selfsup::report {

// Means by name, each over the values that were added under it since they were last taken.
class Means {
 public:
  void add(std::string_view name, double value);
  Scalars take();  // in the order in which the names came; none of them is left
  bool empty() const { return means_.empty(); }

  // A list; the way back is Error(usage) for anything else.
  Json json() const;
  static Means of(const Json& list);

 private:
  struct Mean {
    std::string name;
    double sum = 0;
    int64_t count = 0;
  };
  std::vector<Mean> means_;
};

// One kind of number is as another: the mean over the iterations that had it, whatever its name.
class Window {
 public:
  void add_iteration(double seconds, double data_seconds) {
    ++iterations_, seconds_ += seconds, data_seconds_ += data_seconds;
  }
  Means& of_steps() { return of_steps_; }    // losses, metrics, the gradient norm
  Means& of_events() { return of_events_; }  // told behind them
  bool empty() const { return iterations_ == 0 && of_steps_.empty() && of_events_.empty(); }

  // time, data_time and scalars of the line that is due; the window is empty then.
  void tell(TrainPoint& point);

  // One line of JSON, from which a run goes on as if it had not been stopped. source: for messages; Error(checkpoint).
  std::string text() const;
  static Window of(std::string_view text, const std::string& source);

 private:
  int64_t iterations_ = 0;
  double seconds_ = 0, data_seconds_ = 0;
  Means of_steps_, of_events_;
};

}  // namespace selfsup::report
