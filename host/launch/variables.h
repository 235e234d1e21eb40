// Reads whole numbers and texts from the environment, and refuses what is none. Knows no launcher.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "launch/ranks.h"

namespace selfsup::launch {

// A number and where it was read, for the table and for messages: {3, "SLURM_PROCID"}.
struct Number {
  int value = 0;
  std::string from;
};

class Variables {
 public:
  // remedy: what to do about a variable that cannot be meant; ends each refusal. The environment outlives this.
  Variables(const Environment& environment, std::string remedy)
      : environment_(environment), remedy_(std::move(remedy)) {}

  // A variable that is empty is not there.
  bool has(const char* name) const { return find(name) != nullptr; }
  std::string text(const char* name, const std::string& otherwise = "") const;
  // Whole numbers from 0 to 2^31 - 1; anything else is Error(usage).
  std::optional<Number> number(const char* name) const;
  // `beside` is there, and so must this be.
  Number number_beside(const char* name, const char* beside) const;
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  const std::string* find(const char* name) const;

  const Environment& environment_;
  std::string remedy_;
};

// The whole text as a number from 0 to 2^31 - 1, without a sign.
std::optional<int> whole_number(std::string_view text);

}  // namespace selfsup::launch
