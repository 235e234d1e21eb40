// Gradient recording and autocast of the thread that runs plugins' code: pushed and popped by plugins, restored by
// every crossing. Knows no table.
#pragma once
#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace selfsup::bridge::modes {

// What one host's plugins have pushed.
class Stack {
 public:
  at::DeviceType device = at::kCPU;      // whose autocast is meant
  std::optional<at::ScalarType> of_run;  // what the run's autocast computes in; none: it has none
  void push_grad(bool on);
  void push_autocast(bool on, int32_t dtype);  // dtype 0: the run's; of a run that has none, off
  void pop();                                  // Failure(SSP_E_PRECONDITION) below what the callback in progress found

 private:
  friend class Guard;
  struct Saved {
    bool is_autocast, on;
    at::ScalarType dtype;
  };
  void restore_top();

  std::vector<Saved> saved_;
  size_t floor_ = 0;  // entries below belong to outer callbacks
};

// Saves the modes and puts them back; what the callback pushed and did not pop is dropped.
class Guard {
 public:
  explicit Guard(Stack& stack);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  // Empty, or what the callback left otherwise than it found it: "gradient recording was left off".
  std::string imbalance() const;

 private:
  Stack& stack_;
  size_t depth_, outer_floor_;
  bool grad_, autocast_;
  at::ScalarType dtype_;
};

}  // namespace selfsup::bridge::modes
