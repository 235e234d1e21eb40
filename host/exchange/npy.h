// A matrix of features for people who go on in Python: NAME.npy, float32, written as its rows come. Knows nobody who
// makes them.
#pragma once
#include <cstdint>
#include <string>

#include "checkpoint/file.h"

namespace selfsup::exchange {

class NpyFile {
 public:
  NpyFile(const std::string& path, int64_t rows, int64_t columns);  // Error(storage)
  // The next `rows` rows, dense.
  void write(const float* values, int64_t rows);
  void commit();  // Error(failed) unless every row was written; the file is whole then

 private:
  int64_t columns_, left_;
  checkpoint::WholeFile file_;
};

}  // namespace selfsup::exchange
