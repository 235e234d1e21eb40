// Counts the floating-point operations of matrix products and convolutions while it lives, on all threads. Knows no
// model.
#pragma once
#include <ATen/record_function.h>

#include <cstdint>

namespace selfsup::run {

// Two operations a multiply-add. Attention in one kernel counts as the products that it is made of, and in backward one
// more, which it computes anew. One at a time.
class FlopCounter {
 public:
  FlopCounter();
  ~FlopCounter();
  FlopCounter(const FlopCounter&) = delete;
  FlopCounter& operator=(const FlopCounter&) = delete;
  int64_t count() const;

 private:
  at::CallbackHandle handle_;
};

}  // namespace selfsup::run
