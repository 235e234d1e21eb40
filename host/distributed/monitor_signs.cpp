#include "distributed/monitor_signs.h"

#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "base/text.h"

namespace selfsup::distributed {
namespace {

constexpr size_t kLongestText = 4000;  // bytes; a store takes a few thousand of a value without a thought

std::string this_machine() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::array<char, 64> numbers{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", numbers.data(), numbers.size() - 1);
  if (!std::getline(file, boot) || boot.empty() || length <= 0) return "";
  return fmt::format("{}/{}", boot, numbers.data());
}

// Words of a record are parted by blanks, and none is empty.
std::string word(const std::string& text) {
  std::string result = text.empty() ? kNothingYet : text;
  for (char& letter : result)
    if (letter == ' ' || letter == '\n' || letter == '\t') letter = '_';
  return result;
}

std::string unless_nothing(const std::string& text) { return text == kNothingYet ? "" : text; }

template <typename Enum>
std::optional<Enum> checked(int number, Enum last) {
  if (number < 0 || number > static_cast<int>(last)) return std::nullopt;
  return static_cast<Enum>(number);
}

}  // namespace

Identity this_process(int rank) {
  std::array<char, HOST_NAME_MAX + 1> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host.fill(0);
  return {rank, ::getpid(), host.data(), this_machine()};
}

std::string name_of(const Identity& who) {
  if (who.process == 0) return fmt::format("rank {}", who.rank);
  return fmt::format("rank {} on {} (process {})", who.rank, who.host, who.process);
}

std::string text_of(const Sign& sign) {
  return fmt::format("{} {} {} {} {} {} {} {} {}", sign.beat, sign.at.count, static_cast<int>(sign.at.phase),
                     sign.at.iter, static_cast<int>(sign.standing), sign.who.rank, sign.who.process,
                     word(sign.who.host), word(sign.who.machine));
}

std::optional<Sign> sign_of(const std::string& text) {
  std::istringstream words(text);
  Sign sign;
  int phase = 0, standing = 0;
  words >> sign.beat >> sign.at.count >> phase >> sign.at.iter >> standing >> sign.who.rank >> sign.who.process >>
      sign.who.host >> sign.who.machine;
  const auto in = checked(phase, Phase::end);
  const auto stands = checked(standing, Standing::parted);
  if (!words || !in || !stands) return std::nullopt;
  sign.at.phase = *in;
  sign.standing = *stands;
  sign.who.host = unless_nothing(sign.who.host);
  sign.who.machine = unless_nothing(sign.who.machine);
  return sign;
}

std::string place_of(const Sign& sign) {
  switch (sign.at.phase) {
    case Phase::setup:
      return fmt::format("while {}", name_of(sign.at.phase));
    case Phase::data:
    case Phase::forward:
    case Phase::backward:
    case Phase::gradients:
    case Phase::update:
      return fmt::format("at iteration {} ({})", sign.at.iter + 1, name_of(sign.at.phase));
    case Phase::ready:
    case Phase::updated:
    case Phase::epoch_end:
    case Phase::log:
    case Phase::save:
    case Phase::over:
    case Phase::evaluate:
    case Phase::epoch_begin:
    case Phase::end:
      break;
  }
  return fmt::format("after iteration {} ({})", sign.at.iter, name_of(sign.at.phase));
}

std::string last_seen(const std::optional<Sign>& sign) { return sign ? ", last seen " + place_of(*sign) : ""; }

std::string text_of(const Verdict& verdict) {
  return fmt::format("{} {} {}\n{}", static_cast<int>(verdict.fault), verdict.rank, static_cast<int>(verdict.exit),
                     shortened(verdict.text, kLongestText));
}

std::optional<Verdict> verdict_of(const std::string& text) {
  const size_t end = text.find('\n');
  if (end == text.npos) return std::nullopt;
  std::istringstream words(text.substr(0, end));
  int fault = 0, exit = 0;
  Verdict verdict;
  words >> fault >> verdict.rank >> exit;
  const auto kind = checked(fault, Fault::still);
  if (!words || !kind) return std::nullopt;
  verdict.fault = *kind;
  verdict.exit = static_cast<Exit>(exit);
  verdict.text = text.substr(end + 1);
  return verdict;
}

}  // namespace selfsup::distributed
