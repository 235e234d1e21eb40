#include "distributed/support/rank_bodies.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "distributed/world.h"
#include "rank_world.h"

namespace selfsup::distributed::testing {
namespace {

std::string readable(const std::string& hexadecimal) {
  const size_t colon = hexadecimal.find(':');
  std::string bytes;
  for (size_t i = 0; i < colon; i += 2) bytes += static_cast<char>(std::stoi(hexadecimal.substr(i, 2), nullptr, 16));
  if (bytes.size() != 4) return hexadecimal.substr(0, colon);
  std::string out;  // the kernel shows it as a number of this machine
  for (size_t i = 4; i-- > 0;) out += std::to_string(static_cast<unsigned char>(bytes[i])) + (i ? "." : "");
  return out;
}

// The addresses of this process that listen.
std::vector<std::string> listening() {
  std::vector<std::string> own, out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    own.push_back(std::filesystem::read_symlink(entry.path(), gone));
  }
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::vector<std::string> parts;
      for (std::string word; words >> word;) parts.push_back(word);
      if (parts.size() < 10 || parts[3] != "0A") continue;
      if (std::find(own.begin(), own.end(), "socket:[" + parts[9] + "]") != own.end())
        out.push_back(readable(parts[1]));
    }
  }
  return out;
}

}  // namespace

void say(const std::string& line) { std::cout << line << std::endl; }

void need(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("does not hold: " + what);
}

launch::Meeting told_meeting(const test::RankPlace& place) {
  launch::Meeting meeting = test::meeting_of(place);
  std::istringstream words(place.argument);
  for (std::string word; words >> word;) {
    if (word == "several") meeting.one_machine = false;
    if (word == "served") meeting.served = true;
    if (const std::string key = "address="; word.rfind(key, 0) == 0) meeting.address = word.substr(key.size());
  }
  return meeting;
}

const test::RankBody loops("loops", [](const test::RankPlace& place) {
  const World world(test::ranks_of(place), test::meeting_of(place), place.patience);
  const int64_t times = place.argument.empty() ? INT64_MAX : std::stoll(place.argument);
  at::Tensor tensor = at::zeros({1000});
  for (int64_t i = 0; i < times; ++i) {
    tensor.fill_(place.rank + i);
    world.group().all_reduce(tensor, Reduce::max);
    need(tensor[7].item<double>() == static_cast<double>(place.world - 1 + i), "the maximum");
    if (i == 2) say("looping");
  }
  say("looped");
});

const test::RankBody listens("listens", [](const test::RankPlace& place) {
  const World world(test::ranks_of(place), told_meeting(place), place.patience);
  world.group().highest(1);
  world.plugins().highest(1);
  for (const std::string& address : listening()) say("listens " + address);
  world.group().highest(2);
});

}  // namespace selfsup::distributed::testing
