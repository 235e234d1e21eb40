// Gradient recording and autocast of this thread: pushed and popped by plugins, restored by every crossing.
#pragma once
#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace selfsup::bridge::modes {

void push_grad(bool on);
void push_autocast(bool on, int32_t dtype);  // dtype 0: the run's
void pop();                                  // Failure(SSP_E_PRECONDITION) below what the callback in progress found

// Saves the modes and puts them back; what the callback pushed and did not pop is dropped.
class Guard {
 public:
  Guard();
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  // Empty, or what the callback left otherwise than it found it: "gradient recording was left off".
  std::string imbalance() const;

 private:
  size_t depth_, outer_floor_;
  bool grad_, autocast_;
  at::ScalarType dtype_;
};

}  // namespace selfsup::bridge::modes
