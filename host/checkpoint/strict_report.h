// Owns the comparison of the tensors that a run wants with those that a file has, and its text. Knows no file.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace selfsup::checkpoint {

struct TensorSpec {
  std::string name;
  std::string dtype;  // as in TensorView
  std::vector<int64_t> shape;
};

struct StrictReport {
  struct Mismatch {
    TensorSpec wanted, found;  // one name, another shape or dtype
  };
  std::vector<std::string> matched, missing, unexpected;  // in the order of the lists they come from
  std::vector<Mismatch> mismatched;

  bool exact() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
  // First line: the counts. Then one line a name, at most `limit` of each kind.
  std::string text(size_t limit = 20) const;
};

// check_dtype: whether another dtype is a mismatch (resume), or is converted by the caller (--load-from).
StrictReport compare(const std::vector<TensorSpec>& wanted, const std::vector<TensorSpec>& found, bool check_dtype);

}  // namespace selfsup::checkpoint
