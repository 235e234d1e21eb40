// The ranks of a run, as the training loop needs them. One process for now: rank 0 of 1. Knows no algorithm.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace selfsup::distributed {

class Group {
 public:
  virtual ~Group() = default;
  virtual int rank() const { return 0; }
  virtual int world() const { return 1; }
  // Each value becomes its mean over the ranks. All ranks pass the same names.
  virtual void average(std::vector<std::pair<std::string, double>>&) const {}
};

}  // namespace selfsup::distributed
