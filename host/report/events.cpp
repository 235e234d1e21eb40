#include "report/events.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string_view>

namespace selfsup::report {
namespace {

// Fields of Event, Summary, Summary.Value and SessionLog (tensorflow/core/util/event.proto, framework/summary.proto).
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr int kValue = 1, kTag = 1, kSimpleValue = 2, kStatus = 1;
constexpr uint64_t kSessionStart = 1;
constexpr int kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;  // wire types

// Protobuf and TFRecord are little-endian, wherever this runs.
template <class Number>
std::string fixed(Number number) {
  std::string out;
  for (size_t i = 0; i < sizeof number; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
  return out;
}

std::string varint(uint64_t number) {
  std::string out;
  for (; number >= 0x80; number >>= 7) out += static_cast<char>((number & 0x7f) | 0x80);
  return out + static_cast<char>(number);
}

std::string key(int field, int wire_type) { return varint(static_cast<uint64_t>(field << 3 | wire_type)); }
std::string number_field(int field, uint64_t value) { return key(field, kVarint) + varint(value); }
std::string double_field(int field, double value) {
  return key(field, kFixed64) + fixed(std::bit_cast<uint64_t>(value));
}
std::string float_field(int field, float value) { return key(field, kFixed32) + fixed(std::bit_cast<uint32_t>(value)); }
std::string bytes_field(int field, std::string_view bytes) {
  return key(field, kBytes) + varint(bytes.size()) + std::string(bytes);
}

double now() {
  timeval time{};
  ::gettimeofday(&time, nullptr);
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

std::string event(int64_t step, const std::string& what) {
  return double_field(kWallTime, now()) + number_field(kStep, static_cast<uint64_t>(step)) + what;
}

uint32_t masked(uint32_t crc) { return std::rotr(crc, 15) + 0xa282ead8u; }

std::string record(const std::string& data) {
  const std::string length = fixed(static_cast<uint64_t>(data.size()));
  return length + fixed(masked(crc32c(length.data(), length.size()))) + data +
         fixed(masked(crc32c(data.data(), data.size())));
}

// Readers take the files of a folder in the order of their names, which begin with a time in seconds: the new one's is
// later than that of any that is in either folder, however soon after it a run goes on.
std::string new_path(const std::string& folder, const std::string& earlier) {
  constexpr std::string_view stem = "events.out.tfevents.";
  constexpr int64_t kLatest = 9'999'999'999;  // of ten digits, by which the names are in order
  auto seconds = static_cast<int64_t>(now());
  std::error_code failed;
  for (const std::string& place : {folder, earlier}) {
    for (const auto& entry : std::filesystem::directory_iterator(place, failed)) {
      const std::string name = entry.path().filename().string();
      const int64_t time = name.starts_with(stem) ? std::atoll(name.c_str() + stem.size()) : 0;
      if (time < kLatest) seconds = std::max(seconds, time + 1);
    }
  }
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || !host[0]) std::strcpy(host.data(), "localhost");
  return fmt::format("{}/{}{:010}.{}.{}.0", folder, stem, seconds, host.data(), ::getpid());
}

}  // namespace

uint32_t crc32c(const void* data, size_t bytes) {
  static constexpr auto table = [] {
    std::array<uint32_t, 256> out{};
    for (uint32_t i = 0; i < 256; ++i) {
      out[i] = i;
      for (int bit = 0; bit < 8; ++bit) out[i] = (out[i] >> 1) ^ (out[i] & 1 ? 0x82f63b78u : 0);
    }
    return out;
  }();
  uint32_t crc = ~0u;
  const auto* at = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < bytes; ++i) crc = (crc >> 8) ^ table[(crc ^ at[i]) & 0xff];
  return ~crc;
}

EventFile::EventFile(const std::string& folder, int64_t step, const std::string& earlier)
    : file_(new_path(folder, earlier.empty() ? folder : earlier)) {
  append(event(0, bytes_field(kFileVersion, "brain.Event:2")));
  // A start at a step voids what is known of it and of later ones.
  append(event(step + 1, bytes_field(kSessionLog, number_field(kStatus, kSessionStart))));
}

void EventFile::write(const Json& object, int64_t step) {
  std::string values;
  for (const auto& [name, value] : object.as_object()) {
    if (name == "step" || !(value.is_number() || value.is_null())) continue;
    const double number = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.as_double();
    values += bytes_field(kValue, bytes_field(kTag, name) + float_field(kSimpleValue, static_cast<float>(number)));
  }
  append(event(step, bytes_field(kSummary, values)));
}

// Readers wait at a record without an end and never get beyond one: behind it, nothing is worth writing.
void EventFile::append(const std::string& event) {
  if (file_.torn() || !file_.append(record(event))) ++dropped_;
}

}  // namespace selfsup::report
