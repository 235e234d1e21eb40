// Files of torch.save made by hand, well or badly. Knows no reader.
#pragma once
#include <unistd.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"

namespace selfsup::exchange::testing {

class TempDir {
 public:
  TempDir() {
    std::string path = (std::filesystem::temp_directory_path() / "selfsup-test-XXXXXX").string();
    if (!::mkdtemp(path.data())) throw std::runtime_error("mkdtemp failed");
    path_ = path;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ + "/" + name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

template <class T>
std::string le(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// --- pickles
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string text(const std::string& text) { return "X" + le(static_cast<uint32_t>(text.size())) + text; }
inline std::string integer(int64_t value) { return "\x8a\x08" + le(value); }
inline std::string tuple(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const std::string& item : items) all += item;
  return all + "t";
}
inline std::string integers(const std::vector<int64_t>& values) {
  std::vector<std::string> items;
  for (const int64_t value : values) items.push_back(integer(value));
  return tuple(items);
}
inline std::string storage(int64_t elements, const std::string& type = "FloatStorage", const std::string& key = "0") {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), integer(elements)}) + "Q";
}
inline std::string tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple({storage, integer(offset), integers(shape), integers(strides), "\x89", "N"}) + "R";
}
// {"w": VALUE}
inline std::string pickled(const std::string& value) { return "\x80\x02}" + text("w") + value + "s."; }

// --- archives
struct Entry {
  std::string name, content;
  bool deflated = false;
  uint32_t claimed = 0;  // another size than it has
};

inline std::string deflated(const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string zip(const std::vector<Entry>& entries) {
  std::string file, directory;
  for (const Entry& entry : entries) {
    const std::string packed = entry.deflated ? deflated(entry.content) : entry.content;
    const auto crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(entry.content.data()), static_cast<uInt>(entry.content.size())));
    const auto size = entry.claimed ? entry.claimed : static_cast<uint32_t>(entry.content.size());
    const std::string common = le<uint16_t>(20) + le<uint16_t>(0) + le<uint16_t>(entry.deflated ? 8 : 0) +
                               le<uint32_t>(0) + le(crc) + le(static_cast<uint32_t>(packed.size())) + le(size) +
                               le(static_cast<uint16_t>(entry.name.size())) + le<uint16_t>(0);
    directory += "PK\1\2" + le<uint16_t>(20) + common + le<uint16_t>(0) + le<uint16_t>(0) + le<uint16_t>(0) +
                 le<uint32_t>(0) + le(static_cast<uint32_t>(file.size())) + entry.name;
    file += "PK\3\4" + common + entry.name + packed;
  }
  const auto count = static_cast<uint16_t>(entries.size());
  return file + directory + "PK\5\6" + le<uint32_t>(0) + le(count) + le(count) +
         le(static_cast<uint32_t>(directory.size())) + le(static_cast<uint32_t>(file.size())) + le<uint16_t>(0);
}

// An archive with one storage of 6 floats.
inline std::string archive(const std::string& pickle, const std::string& bytes = std::string(24, '\1')) {
  return zip({{"a/data.pkl", pickle}, {"a/data/0", bytes}});
}

}  // namespace selfsup::exchange::testing
