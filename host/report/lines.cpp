#include "report/lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"

namespace selfsup::report {
namespace {

constexpr size_t kPiece = 64u << 10;

}  // namespace

std::optional<Lines> Lines::of(const std::string& path) try {
  return Lines(RegularFile(path), path);
} catch (const FileError& error) {
  if (error.error() == ENOENT) return std::nullopt;
  throw Error(error.error() ? Exit::storage : Exit::usage, fmt::format("cannot read {}: {}", path, error.what()));
}

bool Lines::fill() try {
  buffer_.resize(kPiece);
  buffer_.resize(file_.read(read_, buffer_.data(), kPiece));
  read_ += buffer_.size();
  at_ = 0;
  return !buffer_.empty();
} catch (const FileError& error) {
  throw Error(Exit::storage, fmt::format("cannot read {}: {}", path_, error.what()));
}

bool Lines::next(std::string& line) {
  line.clear();
  const uint64_t before = offset_;
  ended_ = false;
  while (!ended_ && (at_ < buffer_.size() || fill())) {
    const size_t end = buffer_.find('\n', at_);
    const size_t bytes = std::min(end, buffer_.size()) - at_;
    line.append(buffer_, at_, std::min(bytes, kLongest - line.size()));
    ended_ = end != buffer_.npos;
    at_ += bytes + (ended_ ? 1 : 0);
    offset_ += bytes + (ended_ ? 1 : 0);
  }
  return offset_ > before;
}

}  // namespace selfsup::report
