#include "data/datasets/gzip.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using test::Bytes;

// One member.
Bytes packed(const Bytes& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, bytes.size()) + 64);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes text() {
  Bytes bytes(300);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i);
  return bytes;
}

// The text cut into members at those places.
Bytes cut(const std::vector<size_t>& places) {
  const Bytes whole = text();
  Bytes out;
  for (size_t i = 0; i + 1 < places.size(); ++i) {
    const Bytes member = packed(
        {whole.begin() + static_cast<ptrdiff_t>(places[i]), whole.begin() + static_cast<ptrdiff_t>(places[i + 1])});
    out.insert(out.end(), member.begin(), member.end());
  }
  return out;
}

// What is read in pieces of that many bytes.
Bytes unpacked(const Bytes& file, size_t piece) {
  Gzip gzip(file);
  Bytes out;
  while (true) {
    Bytes part(piece);
    part.resize(gzip.read(part.data(), piece));
    out.insert(out.end(), part.begin(), part.end());
    if (part.size() < piece) return out;
  }
}

std::string refusal(const Bytes& file) {
  try {
    unpacked(file, 64);
  } catch (const GzipError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("gzip: the members of a file follow one another, zeros may come after, and nothing else") {
  std::vector<size_t> bytewise;
  for (size_t i = 0; i <= 300; ++i) bytewise.push_back(i);
  for (const std::vector<size_t>& places :
       {std::vector<size_t>{0, 300}, {0, 7, 300}, {0, 0, 100, 100, 300, 300}, bytewise}) {
    Bytes file = cut(places);
    for (const size_t piece : {1, 7, 300, 1000}) CHECK(unpacked(file, piece) == text());
    file.insert(file.end(), 600, 0);  // a tape's padding
    CHECK(unpacked(file, 64) == text());
    file.push_back(1);
    CHECK_THAT(refusal(file), Contains("behind the gzip data"));
  }
}

TEST_CASE("gzip: a file that is cut anywhere or damaged is refused") {
  const Bytes file = cut({0, 200, 300});
  const size_t first = cut({0, 200}).size();
  for (size_t size = 0; size < file.size(); ++size) {
    INFO(size);
    const Bytes part(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    if (size == first) {
      CHECK(refusal(part).empty());  // one whole member
    } else {
      CHECK(!refusal(part).empty());
    }
  }
  Bytes damaged = file;
  damaged[file.size() - 6] ^= 1;  // the last member's checksum
  CHECK_THAT(refusal(damaged), Contains("damaged gzip data"));
}

}  // namespace selfsup::data
