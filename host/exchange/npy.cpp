#include "exchange/npy.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::exchange {
namespace {

constexpr size_t alignment = 64;

// Version 1.0 of NumPy's format: magic, version, the length of a text, and that.
std::string head_of(int64_t rows, int64_t columns) {
  constexpr std::string_view magic("\x93NUMPY\x01\x00", 8);
  std::string text = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  const size_t before = magic.size() + 2, whole = (before + text.size() + 1 + alignment - 1) / alignment * alignment;
  text.resize(whole - before - 1, ' ');
  text += '\n';
  std::string head(magic);
  head += static_cast<char>(text.size() & 0xff);
  head += static_cast<char>(text.size() >> 8);
  return head + text;
}

}  // namespace

NpyFile::NpyFile(const std::string& path, int64_t rows, int64_t columns)
    : columns_(columns),
      left_(rows),
      file_(path, head_of(rows, columns).size() + static_cast<uint64_t>(rows * columns) * sizeof(float)) {
  const std::string head = head_of(rows, columns);
  file_.content().write(head.data(), head.size());
}

void NpyFile::write(const float* values, int64_t rows) {
  if (rows > left_) throw Error(Exit::failed, fmt::format("{} rows are one block too many", rows));
  file_.content().write(values, static_cast<size_t>(rows * columns_) * sizeof(float));
  left_ -= rows;
}

void NpyFile::commit() {
  if (left_ != 0) throw Error(Exit::failed, fmt::format("{} rows were not written", left_));
  file_.commit();
}

}  // namespace selfsup::exchange
