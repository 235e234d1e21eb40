// Owns the progress bar on the last line of a terminal, and keeps the log's messages off it. Knows no training.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace selfsup::report {

// Draws on stderr while that is a terminal (and TERM is not "dumb"), else nothing: the log's lines tell the same there.
// The cursor rests at the start of the bar's line. A message of the log takes the place of the bar, whichever thread it
// comes from; the next update draws the bar anew below. Colour only where color_allowed(). Calls from any thread.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  Progress();                                             // stderr
  Progress(int fd, bool enabled, bool color, bool utf8);  // any descriptor
  ~Progress();                                            // erases the bar

  // done of total steps; label at the left ("Epoch 1/5"), note at the right ("eta 0:01:02  loss 0.1234"). Cut to the
  // width of the terminal. Draws at most every 100 ms, and always when done reaches total.
  void update(int64_t done, int64_t total, std::string_view label, std::string_view note,
              Clock::time_point now = Clock::now());

 private:
  bool beside_log() const;
  void erase();  // under the lock
  void put(std::string_view text);

  const int fd_;
  const bool enabled_, color_, utf8_;
  std::mutex mutex_;
  bool visible_ = false, drawn_once_ = false;
  Clock::time_point drawn_{};
};

}  // namespace selfsup::report
