#include "data/datasets/gzip.h"

#include <fmt/format.h>

#include <algorithm>

namespace selfsup::data {
namespace {

constexpr size_t kAtOnce = size_t{1} << 30;  // zlib counts in 32 bits

}  // namespace

Gzip::Gzip(std::span<const uint8_t> packed) : rest_(packed) {
  if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw GzipError("zlib cannot start");
}

Gzip::~Gzip() { inflateEnd(&stream_); }

size_t Gzip::read(uint8_t* out, size_t bytes) {
  size_t written = 0;
  while (written < bytes && !over_) {
    feed();
    const auto room = static_cast<uInt>(std::min(bytes - written, kAtOnce));
    stream_.next_out = out + written;
    stream_.avail_out = room;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    written += room - stream_.avail_out;
    if (status == Z_STREAM_END) {
      end_member();
    } else if (status == Z_BUF_ERROR ||
               (status == Z_OK && stream_.avail_in == 0 && rest_.empty() && stream_.avail_out > 0)) {
      throw GzipError("the gzip data end too early");
    } else if (status != Z_OK) {
      throw GzipError(fmt::format("damaged gzip data ({})", stream_.msg ? stream_.msg : "no reason given"));
    }
  }
  return written;
}

void Gzip::feed() {
  if (stream_.avail_in > 0) return;
  const std::span<const uint8_t> next = rest_.first(std::min(rest_.size(), kAtOnce));
  stream_.next_in = const_cast<Bytef*>(next.data());
  stream_.avail_in = static_cast<uInt>(next.size());
  rest_ = rest_.subspan(next.size());
}

void Gzip::end_member() {
  rest_ = {stream_.next_in, stream_.avail_in + rest_.size()};
  stream_.avail_in = 0;
  while (!rest_.empty() && rest_[0] == 0) rest_ = rest_.subspan(1);
  over_ = rest_.empty();
  if (over_) return;
  if (!is_one(rest_)) throw GzipError("something else stands behind the gzip data");
  inflateReset(&stream_);
}

}  // namespace selfsup::data
