#include "checkpoint/safetensors.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "base/errors.h"
#include "support.h"

using namespace selfsup;
using namespace selfsup::checkpoint;
using namespace selfsup::checkpoint::testing;

namespace {

std::string file_of(const std::string& header, size_t data_bytes) {
  const uint64_t n = header.size();
  std::string out(reinterpret_cast<const char*>(&n), sizeof n);
  return out + header + std::string(data_bytes, 'x');
}

std::string refusal(const TempDir& dir, const std::string& bytes) {
  const std::string path = dir / "file.safetensors";
  spill(path, bytes);
  try {
    SafetensorsFile file(path);
  } catch (const Error& error) {
    if (error.exit() != Exit::checkpoint) return "wrong exit code";
    return error.what();
  }
  return "";
}

void write(const std::string& path, const std::vector<TensorView>& tensors, const Metadata& metadata = {}) {
  const SafetensorsLayout layout(tensors, metadata);
  const Fd folder = open_folder(fs::path(path).parent_path());
  HashingFile file(folder.get(), fs::path(path).filename(), path, layout.file_bytes());
  layout.write(file);
  const FileRecord record = file.finish();
  CHECK(record.size == layout.file_bytes());
  CHECK(record.size == fs::file_size(path));
  CHECK(record.sha256 == RegularFile(path).sha256());
}

}  // namespace

TEST_CASE("what is written is read back, aligned, whatever the sizes and the order") {
  const TempDir dir;
  // Sizes around the gathering buffer and the chunk, so that every path of the writer is taken.
  const std::vector<size_t> sizes{0, 1, 3, 63, 64, 65535, 65536, 65537, 262143, 262144, 1048576, 1048579, 3000001};
  std::vector<std::vector<char>> data;
  std::vector<TensorView> tensors;
  const char* dtypes[] = {"U8", "F32", "BF16", "F64", "BOOL", "I64", "F16", "I32", "I8", "U16"};
  for (size_t i = 0; i < sizes.size() * 10; ++i) {
    const char* dtype = dtypes[i % 10];
    const size_t count = sizes[i / 10] / dtype_bytes(dtype);
    data.push_back(noise(i, count * dtype_bytes(dtype)));
    tensors.push_back({fmt::format("t{}.{}", i, "wéight\"\\"),
                       dtype,
                       {static_cast<int64_t>(count), 1},
                       data.back().data(),
                       data.back().size()});
  }
  write(dir / "a.safetensors", tensors, {{"format", "pt"}, {"k\n", "v\t"}});
  const SafetensorsFile file(dir / "a.safetensors");
  CHECK(file.tensors().size() == tensors.size());
  CHECK(file.metadata() == Metadata{{"format", "pt"}, {"k\n", "v\t"}});
  CHECK(file.find("absent") == nullptr);
  uint64_t header = 0;
  const std::string bytes = slurp(dir / "a.safetensors");
  std::memcpy(&header, bytes.data(), 8);
  CHECK((8 + header) % 64 == 0);
  size_t wrong = 0;
  for (const TensorView& want : tensors) {
    const TensorView* have = file.find(want.name);
    REQUIRE(have);
    wrong += have->dtype != want.dtype || have->shape != want.shape || have->bytes != want.bytes ||
             (want.bytes > 0 && std::memcmp(have->data, want.data, want.bytes) != 0) ||
             reinterpret_cast<uintptr_t>(have->data) % dtype_bytes(want.dtype) != 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a moved file keeps its views, an empty one is legal, equal tensors give equal files") {
  const TempDir dir;
  const auto data = noise(1, 24);
  write(dir / "a", {{"x", "F32", {2, 3}, data.data(), 24}});
  write(dir / "b", {{"x", "F32", {2, 3}, data.data(), 24}});
  write(dir / "empty", {});
  CHECK(slurp(dir / "a") == slurp(dir / "b"));
  CHECK(SafetensorsFile(dir / "empty").tensors().empty());
  SafetensorsFile first(dir / "a");
  const SafetensorsFile second(std::move(first));
  REQUIRE(second.find("x"));
  CHECK(std::memcmp(second.find("x")->data, data.data(), 24) == 0);
}

TEST_CASE("a file with header order other than byte order is read") {
  const TempDir dir;
  spill(dir / "f",
        file_of(
            R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
    "z":{"dtype":"F32","shape":[0],"data_offsets":[3,3]}}  )",
            3));
  const SafetensorsFile file(dir / "f");
  REQUIRE(file.tensors().size() == 3);
  CHECK(file.tensors()[0].name == "a");
  CHECK(file.find("b")->bytes == 2);
}

TEST_CASE("the writer refuses tensors that do not add up") {
  const char byte[8] = {};
  using V = std::vector<TensorView>;
  CHECK_THROWS_AS(SafetensorsLayout(V{{"a", "F31", {1}, byte, 4}}), Error);
  CHECK_THROWS_AS(SafetensorsLayout(V{{"a", "F32", {1}, byte, 8}}), Error);
  CHECK_THROWS_AS(SafetensorsLayout(V{{"a", "F32", {-1}, byte, 8}}), Error);
  CHECK_THROWS_AS(SafetensorsLayout(V{{"a", "F32", {1}, nullptr, 4}}), Error);
  CHECK_THROWS_AS(SafetensorsLayout(V{{"a", "U8", {1}, byte, 1}, {"a", "U8", {1}, byte, 1}}), Error);
  CHECK_THROWS_AS(SafetensorsLayout(V{{"__metadata__", "U8", {1}, byte, 1}}), Error);
}

TEST_CASE("hostile headers are refused") {
  const TempDir dir;
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return fmt::format(R"({{"a":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", dtype, shape, offsets);
  };
  const auto two = [](const std::string& first, const std::string& second) {
    return fmt::format(
        R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":{}}},"b":{{"dtype":"U8","shape":[4],"data_offsets":{}}}}})",
        first, second);
  };
  REQUIRE(refusal(dir, file_of(tensor("\"U8\"", "[8]", "[0,8]"), 8)) == "");  // the form itself is fine
  REQUIRE(refusal(dir, file_of(two("[0,4]", "[4,8]"), 8)) == "");
  const std::string good = tensor("\"U8\"", "[8]", "[0,8]");
  const std::vector<std::pair<std::string, size_t>> headers = {
      // no JSON, or more than JSON
      {"", 0},
      {" {}", 0},
      {"[]", 0},
      {"null", 0},
      {"{", 0},
      {"{}{}", 0},
      {"{} x", 0},
      {"{,}", 0},
      {"{\"a\":1}", 0},
      {"{\"a\":[]}", 0},
      {"{\"a\":null}", 0},
      {"{\"a\":\"b\"}", 0},
      {"{a:1}", 0},
      {"{'a':1}", 0},
      {"{}//c", 0},
      {"/**/{}", 0},
      {std::string("{}\0", 3), 0},
      {"{\"\xff\":{}}", 0},
      {"{\"a\\ud800\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0},
      {"\xef\xbb\xbf{}", 0},
      {std::string(5000, '{'), 0},
      {"{" + std::string(5000, '['), 0},
      {"{\"a\":" + std::string(200, '[') + std::string(200, ']') + "}", 0},
      {good + ",", 8},
      // metadata
      {"{\"__metadata__\":1}", 0},
      {"{\"__metadata__\":[]}", 0},
      {"{\"__metadata__\":{\"a\":1}}", 0},
      {"{\"__metadata__\":{\"a\":{}}}", 0},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", 0},
      {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0},
      // keys of a tensor
      {"{\"a\":{}}", 0},
      {R"({"a":{"dtype":"U8","shape":[8]}})", 8},
      {R"({"a":{"dtype":"U8","data_offsets":[0,8]}})", 8},
      {R"({"a":{"shape":[8],"data_offsets":[0,8]}})", 8},
      {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"more":1}})", 8},
      {R"({"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}})", 8},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       8},
      // dtype
      {tensor("\"F33\"", "[8]", "[0,8]"), 8},
      {tensor("\"u8\"", "[8]", "[0,8]"), 8},
      {tensor("\"\"", "[8]", "[0,8]"), 8},
      {tensor("8", "[8]", "[0,8]"), 8},
      {tensor("null", "[8]", "[0,8]"), 8},
      {tensor("\"U8 \"", "[8]", "[0,8]"), 8},
      // shape
      {tensor("\"U8\"", "8", "[0,8]"), 8},
      {tensor("\"U8\"", "[9]", "[0,8]"), 8},
      {tensor("\"U8\"", "[-8]", "[0,8]"), 8},
      {tensor("\"U8\"", "[8.0]", "[0,8]"), 8},
      {tensor("\"U8\"", "[8e0]", "[0,8]"), 8},
      {tensor("\"U8\"", "[true]", "[0,1]"), 1},
      {tensor("\"U8\"", "[\"8\"]", "[0,8]"), 8},
      {tensor("\"U8\"", "[null]", "[0,8]"), 8},
      {tensor("\"U8\"", "[[8]]", "[0,8]"), 8},
      {tensor("\"U8\"", "[08]", "[0,8]"), 8},
      {tensor("\"U8\"", "[]", "[0,8]"), 8},
      {tensor("\"U8\"", "{}", "[0,8]"), 8},
      {tensor("\"U8\"", "[18446744073709551624]", "[0,8]"), 8},
      // products that wrap around to the right size
      {tensor("\"U8\"", "[4294967296,4294967296,8]", "[0,0]"), 0},
      {tensor("\"F64\"", "[2305843009213693952]", "[0,0]"), 0},
      {tensor("\"F32\"", "[4611686018427387905]", "[0,4]"), 4},
      {tensor("\"U8\"", "[-1,-8]", "[0,8]"), 8},
      {tensor("\"F64\"", "[9223372036854775807,9223372036854775807]", "[0,8]"), 8},
      // offsets
      {tensor("\"U8\"", "[8]", "[8,0]"), 8},
      {tensor("\"U8\"", "[8]", "[0]"), 8},
      {tensor("\"U8\"", "[8]", "[0,8,9]"), 8},
      {tensor("\"U8\"", "[8]", "[]"), 8},
      {tensor("\"U8\"", "[8]", "8"), 8},
      {tensor("\"U8\"", "[8]", "[-8,0]"), 8},
      {tensor("\"U8\"", "[8]", "[0.0,8]"), 8},
      {tensor("\"U8\"", "[8]", "[\"0\",8]"), 8},
      {tensor("\"U8\"", "[8]", "[1,9]"), 9},
      {tensor("\"U8\"", "[8]", "[0,8]"), 9},
      {tensor("\"U8\"", "[8]", "[0,8]"), 7},
      {tensor("\"U8\"", "[8]", "[8,16]"), 8},
      {tensor("\"U8\"", "[8]", "[18446744073709551608,0]"), 8},
      {tensor("\"U8\"", "[0]", "[5,5]"), 0},
      {tensor("\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]"), 8},
      // two tensors: overlap, hole, the same bytes, outside
      {two("[0,4]", "[3,7]"), 8},
      {two("[0,4]", "[5,9]"), 9},
      {two("[0,4]", "[0,4]"), 4},
      {two("[0,4]", "[0,4]"), 8},
      {two("[4,8]", "[8,12]"), 12},
      {two("[0,8]", "[4,8]"), 8},
      {two("[0,4]", "[8,12]"), 8},
  };
  REQUIRE(headers.size() >= 60);
  for (const auto& [header, bytes] : headers) {
    CAPTURE(header.substr(0, 200), bytes);
    const std::string text = refusal(dir, file_of(header, bytes));
    CHECK(text.find(dir.path()) != text.npos);  // refused, and the file is named
  }
}

TEST_CASE("hostile length words, short files and other kinds of file are refused") {
  const TempDir dir;
  const std::string good = file_of(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", 8);
  const auto with_length = [&](uint64_t n) {
    std::string bytes = good;
    std::memcpy(bytes.data(), &n, 8);
    return refusal(dir, bytes);
  };
  REQUIRE(refusal(dir, good).empty());
  for (const uint64_t n : {uint64_t{0}, uint64_t{1}, uint64_t{good.size()}, uint64_t{100'000'000},
                           uint64_t{100'000'001}, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7})
    CHECK(with_length(n) != "");
  for (size_t n = 0; n < good.size(); ++n) CHECK(refusal(dir, good.substr(0, n)) != "");
  CHECK(refusal(dir, good + "x") != "");
  CHECK(refusal(dir, std::string("PK\3\4", 4) + std::string(100, 'z')).find("pickle") != std::string::npos);
  CHECK(refusal(dir, std::string("\x80\x02}q\x00(X\x05\x00\x00\x00", 12) + std::string(100, 'z')).find("pickle") !=
        std::string::npos);
  CHECK_THROWS_AS(SafetensorsFile(dir.path()), Error);
  CHECK_THROWS_AS(SafetensorsFile(dir / "absent"), Error);
  REQUIRE(run("mkfifo " + (dir / "fifo")).exit == 0);
  CHECK_THROWS_AS(SafetensorsFile(dir / "fifo"), Error);
}

TEST_CASE("random damage to a header never gets past the checks unnoticed in size, or crashes") {
  const TempDir dir;
  const std::string good = file_of(
      R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}})",
      32);
  KeyedRandom random(7);
  size_t accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = good;
    for (uint64_t n = 1 + random.below(4); n > 0; --n)
      bytes[random.below(bytes.size() - 32)] = static_cast<char>(random.next());
    spill(dir / "f", bytes);
    try {
      const SafetensorsFile file(dir / "f");
      size_t total = 0;
      for (const TensorView& t : file.tensors()) total += t.bytes;
      CHECK(total == 32);  // a changed name is legal, a changed extent is not
      ++accepted;
    } catch (const Error& error) {
      CHECK(error.exit() == Exit::checkpoint);
    }
  }
  CHECK(accepted < 5000);
}
