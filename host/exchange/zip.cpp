#include "exchange/zip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace selfsup::exchange {
namespace {

constexpr uint32_t entry_mark = 0x02014b50, local_mark = 0x04034b50, end_mark = 0x06054b50, end64_mark = 0x06064b50,
                   locator_mark = 0x07064b50;
constexpr size_t entry_bytes = 46, local_bytes = 30, end_bytes = 22, end64_bytes = 56, locator_bytes = 20;
constexpr uint64_t max_comment = 0xffff;

// Little-endian fields of a part of the file, which has to lie within it.
class Fields {
 public:
  Fields(std::string_view bytes, uint64_t offset, uint64_t size) {
    if (offset > bytes.size() || size > bytes.size() - offset)
      throw Malformed("its ZIP directory points outside the file: it is cut off or damaged");
    at_ = bytes.substr(offset, size);
  }
  template <class T>
  T get(size_t offset) const {
    T value;
    std::memcpy(&value, at_.data() + offset, sizeof value);
    return value;
  }
  uint16_t u16(size_t offset) const { return get<uint16_t>(offset); }
  uint32_t u32(size_t offset) const { return get<uint32_t>(offset); }
  uint64_t u64(size_t offset) const { return get<uint64_t>(offset); }
  std::string_view bytes() const { return at_; }

 private:
  std::string_view at_;
};

struct Directory {
  uint64_t count, size, offset;
};

// The end record stands before a comment of unknown length.
Directory find_directory(std::string_view bytes) {
  if (bytes.size() < end_bytes) throw Malformed("it is no ZIP archive: too short");
  const size_t least = bytes.size() - std::min<size_t>(bytes.size(), end_bytes + max_comment);
  for (size_t at = bytes.size() - end_bytes;; --at) {
    const Fields end(bytes, at, end_bytes);
    if (end.u32(0) == end_mark && end.u16(20) == bytes.size() - at - end_bytes) {
      if (at >= locator_bytes) {
        const Fields locator(bytes, at - locator_bytes, locator_bytes);
        if (locator.u32(0) == locator_mark) {
          const Fields end64(bytes, locator.u64(8), end64_bytes);
          if (end64.u32(0) != end64_mark) throw Malformed("its ZIP64 directory is damaged");
          return {end64.u64(32), end64.u64(40), end64.u64(48)};
        }
      }
      return {end.u16(10), end.u32(12), end.u32(16)};
    }
    if (at == least) throw Malformed("it has no ZIP directory at its end: it is cut off or damaged");
  }
}

// The 64-bit values of those fields that are all ones, in their order.
void widen(const Fields& extra, std::initializer_list<uint64_t*> fields) {
  const size_t total = extra.bytes().size();
  for (size_t at = 0; at + 4 <= total;) {
    const size_t length = extra.u16(at + 2);
    if (length > total - at - 4) throw Malformed("an extra field of its ZIP directory is damaged");
    size_t inside = at + 4;
    if (extra.u16(at) == 1) {
      for (uint64_t* field : fields) {
        if (*field != std::numeric_limits<uint32_t>::max()) continue;
        if (inside + 8 > at + 4 + length) throw Malformed("a ZIP64 field of its directory is damaged");
        *field = extra.u64(inside);
        inside += 8;
      }
      return;
    }
    at += 4 + length;
  }
}

}  // namespace

Zip::Zip(std::string_view bytes) : bytes_(bytes) {
  const Directory directory = find_directory(bytes);
  const Fields whole(bytes, directory.offset, directory.size);
  if (directory.count > directory.size / entry_bytes) throw Malformed("its ZIP directory claims too many entries");
  uint64_t claimed = 0, at = directory.offset;
  for (uint64_t i = 0; i < directory.count; ++i) {
    const Fields head(bytes, at, entry_bytes);
    if (head.u32(0) != entry_mark) throw Malformed("its ZIP directory is damaged");
    const uint64_t name_bytes = head.u16(28), extra_bytes = head.u16(30), comment_bytes = head.u16(32);
    const Fields names(bytes, at + entry_bytes, name_bytes + extra_bytes + comment_bytes);
    const std::string name(names.bytes().substr(0, name_bytes));
    Entry entry;
    uint64_t local = head.u32(42);
    entry.packed = head.u32(20);
    entry.size = head.u32(24);
    entry.crc = head.u32(16);
    widen(Fields(bytes, at + entry_bytes + name_bytes, extra_bytes), {&entry.size, &entry.packed, &local});
    const uint16_t flags = head.u16(8), method = head.u16(10);
    if (flags & 1) throw Malformed(fmt::format("its entry {} is encrypted", name));
    if (method != 0 && method != 8) throw Malformed(fmt::format("its entry {} is packed by method {}", name, method));
    entry.deflated = method == 8;
    if (!entry.deflated && entry.packed != entry.size)
      throw Malformed(fmt::format("its entry {} has two different sizes", name));

    const Fields local_head(bytes, local, local_bytes);
    if (local_head.u32(0) != local_mark) throw Malformed(fmt::format("its entry {} is not where it should be", name));
    entry.offset = local + local_bytes + local_head.u16(26) + local_head.u16(28);
    Fields(bytes, entry.offset, entry.packed);
    claimed += local_bytes + entry.packed;
    if (claimed > bytes.size()) throw Malformed("its entries overlap");
    if (!entries_.emplace(name, entry).second) throw Malformed(fmt::format("it has two entries {}", name));
    at += entry_bytes + name_bytes + extra_bytes + comment_bytes;
  }
}

const Zip::Entry* Zip::find(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

std::string_view Zip::read(const Entry& entry, std::shared_ptr<const char[]>& hold) const {
  std::string_view content = bytes_.substr(entry.offset, entry.packed);
  if (entry.deflated) {
    if (entry.size / max_ratio > entry.packed)
      throw Malformed(fmt::format("an entry claims to hold {} bytes in {}", entry.size, entry.packed));
    std::shared_ptr<char[]> room(new char[entry.size + 1]);  // one more than is due, to see whether more comes
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
    constexpr uint64_t piece = 1u << 30;
    uint64_t in = 0, out = 0;
    int status = Z_OK;
    while (status == Z_OK) {
      const uint64_t give = std::min(piece, entry.packed - in), take = std::min(piece, entry.size + 1 - out);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data() + in));
      stream.avail_in = static_cast<uInt>(give);
      stream.next_out = reinterpret_cast<Bytef*>(room.get() + out);
      stream.avail_out = static_cast<uInt>(take);
      status = inflate(&stream, Z_NO_FLUSH);
      const uint64_t given = give - stream.avail_in, taken = take - stream.avail_out;
      in += given;
      out += taken;
      if (given == 0 && taken == 0) break;
    }
    if (status != Z_STREAM_END || out != entry.size) throw Malformed("a packed entry is damaged");
    content = {room.get(), entry.size};
    hold = std::move(room);
  }
  uLong crc = 0;
  for (size_t at = 0; at < content.size();) {
    const size_t bytes = std::min<size_t>(content.size() - at, 1u << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(content.data() + at), static_cast<uInt>(bytes));
    at += bytes;
  }
  if (crc != entry.crc) throw Malformed("an entry is damaged: its CRC is not the directory's");
  return content;
}

}  // namespace selfsup::exchange
