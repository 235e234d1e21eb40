#include "report/events.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/errors.h"

using namespace selfsup;
using namespace selfsup::report;

namespace {

// A folder that goes at the end.
class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "selfsup-events-XXXXXX").string()) {
    if (!::mkdtemp(path_.data())) throw std::runtime_error("no folder");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::vector<std::string> files() const {  // as readers take them
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) names.push_back(entry.path().string());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

uint64_t little(const std::string& bytes, size_t at, size_t count) {
  uint64_t out = 0;
  for (size_t i = count; i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return out;
}

// The contents of the records, whose checksums are right.
std::vector<std::string> records_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  const auto right = [&](size_t at, size_t count, size_t sum) {
    const uint32_t crc = crc32c(all.data() + at, count);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u == little(all, sum, 4);
  };
  std::vector<std::string> records;
  for (size_t at = 0; at < all.size();) {
    const uint64_t length = little(all, at, 8);
    REQUIRE(right(at, 8, at + 8));
    REQUIRE(at + 16 + length <= all.size());
    REQUIRE(right(at + 12, length, at + 12 + length));
    records.push_back(all.substr(at + 12, length));
    at += 16 + length;
  }
  return records;
}

// Fields of a protobuf message: numbers as they are, bytes as text.
struct Field {
  uint64_t number = 0;
  std::string bytes;
};
std::multimap<int, Field> fields_of(const std::string& message) {
  std::multimap<int, Field> fields;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t out = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      out |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return out;
    }
  };
  while (at < message.size()) {
    const uint64_t key = varint();
    Field field;
    const size_t bytes = (key & 7) == 1 ? 8 : (key & 7) == 5 ? 4 : 0;
    if (bytes) {
      field.number = little(message, at, bytes);
      at += bytes;
    } else {
      field.number = varint();
      if ((key & 7) == 2) {
        field.bytes = message.substr(at, field.number);
        at += field.number;
      }
    }
    fields.emplace(static_cast<int>(key >> 3), field);
  }
  return fields;
}

}  // namespace

TEST_CASE("CRC-32C has the values of RFC 3720") {
  CHECK(crc32c("123456789", 9) == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0').data(), 32) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff').data(), 32) == 0x62a8ab43u);
  CHECK(crc32c("", 0) == 0);
}

TEST_CASE("an event file says what was written, by the names of Event and Summary") {
  const Folder folder;
  {
    EventFile events(folder.path(), 0);
    events.write(Json(Json::Object{
                     {"loss", 0.5}, {"lr", Json()}, {"iter", int64_t{300}}, {"note", "x"}, {"step", int64_t{300}}}),
                 300);
    CHECK(events.dropped() == 0);
  }
  const std::vector<std::string> records = records_of(folder.files().at(0));
  REQUIRE(records.size() == 3);
  CHECK(fields_of(records[0]).find(3)->second.bytes == "brain.Event:2");
  const auto start = fields_of(records[1]);
  CHECK(start.find(2)->second.number == 1);
  CHECK(fields_of(start.find(7)->second.bytes).find(1)->second.number == 1);
  const auto scalars = fields_of(records[2]);
  CHECK(scalars.find(2)->second.number == 300);
  CHECK(std::bit_cast<double>(scalars.find(1)->second.number) > 1.6e9);  // seconds
  std::map<std::string, float> values;
  const auto summary = fields_of(scalars.find(5)->second.bytes);
  for (auto [at, end] = summary.equal_range(1); at != end; ++at) {
    const auto value = fields_of(at->second.bytes);
    values[value.find(1)->second.bytes] = std::bit_cast<float>(static_cast<uint32_t>(value.find(2)->second.number));
  }
  CHECK(values.size() == 3);
  CHECK(values.at("loss") == 0.5f);
  CHECK(values.at("iter") == 300);
  CHECK(std::isnan(values.at("lr")));
}

TEST_CASE("a run that goes on begins a later file, which voids what follows its step") {
  const Folder folder;
  for (const int64_t step : {0, 20, 10}) EventFile(folder.path(), step).write(Json(Json::Object{{"a", 1.0}}), step + 1);
  const std::vector<std::string> files = folder.files();
  REQUIRE(files.size() == 3);
  std::vector<uint64_t> starts;
  for (const std::string& file : files) starts.push_back(fields_of(records_of(file).at(1)).find(2)->second.number);
  CHECK(starts == std::vector<uint64_t>{1, 21, 11});
  CHECK_THROWS_AS(EventFile(folder.path() + "/absent", 0), Error);

  // One that moves there later on is the last of them too, and a name of no time stops nobody.
  const Folder other;
  const EventFile branch(other.path(), 30, folder.path());
  const auto name_of = [](const std::string& path) { return std::filesystem::path(path).filename(); };
  CHECK(name_of(other.files().front()) > name_of(files.back()));
  std::ofstream(folder.path() + "/events.out.tfevents.9223372036854775807.x");
  const EventFile next(folder.path(), 30);
  CHECK(folder.files().size() == 5);
}

TEST_CASE("a disk that takes no more leaves whole records, and never stops the run") {
  const Folder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    EventFile events(folder.path(), 0);
    for (int64_t step = 1; step <= 50; ++step) events.write(Json(Json::Object{{"loss", 0.5}}), step);
    ::_exit(static_cast<int>(events.dropped()));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const size_t records = records_of(folder.files().at(0)).size();
  CHECK(records > 5);
  REQUIRE(WIFEXITED(status));
  CHECK(static_cast<size_t>(WEXITSTATUS(status)) == 52 - records);
}
