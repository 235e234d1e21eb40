// How many threads operators run on, for the length of a test's part.
#pragma once
#include <ATen/Parallel.h>

namespace selfsup::test {

class Threads {
 public:
  explicit Threads(int n) : before_(at::get_num_threads()) { at::set_num_threads(n); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace selfsup::test
