// The images of a set that cannot be used, and how many of them are too many. Knows no loader.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/errors.h"

namespace selfsup::data {

struct BadFile {
  int64_t index;     // in the dataset
  std::string path;  // as Dataset::describe gives it
  std::string reason;
};

// How many of so many images may be bad: that share of them. A share above 0 allows three at least, but then no more
// than half of the set; 0 allows none, 1 all.
int64_t allowed_bad(double max_bad_fraction, int64_t size);

struct BadReport {
  int64_t size = 0;  // of the set
  double max_bad_fraction = 0;
  int64_t allowed = 0;
  std::vector<BadFile> files;  // each once, in order of appearance

  BadReport() = default;
  BadReport(int64_t of, double fraction) : size(of), max_bad_fraction(fraction), allowed(allowed_bad(fraction, of)) {}
  bool too_many() const { return static_cast<int64_t>(files.size()) > allowed; }
  Error error() const;  // Error(data) that says how many there are, and names some
};

}  // namespace selfsup::data
