// What the ranks write down for one another: signs of life, and the one verdict that ends them all. Knows no store, no
// thread and no clock.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/errors.h"
#include "distributed/progress.h"

namespace selfsup::distributed {

// The process of a rank.
struct Identity {
  int rank = 0;
  pid_t process = 0;
  std::string host;
  // Equal for processes that can find one another by their number: same boot, same namespace of numbers. "": not known.
  std::string machine;
};
Identity this_process(int rank);
std::string name_of(const Identity& who);  // "rank 2 on HOST (process 123)"

enum class Standing : int {
  running,
  suspects,  // an operation with the others has failed here, and nobody knows why
  knows,     // has read that all is over, and waits for nobody
  failing,   // ends by an error of its own, and has told it
  parted     // needs nobody any more: the silence that follows is no failure
};

struct Sign {
  uint64_t beat = 0;  // another number in each sign of a rank
  Progress::Seen at{};
  Standing standing = Standing::running;
  Identity who;
};
std::string text_of(const Sign& sign);
// None for what is no sign: nobody has written one yet.
std::optional<Sign> sign_of(const std::string& text);
std::string place_of(const Sign& sign);  // "at iteration 12 (the forward pass)", "after iteration 12 (saving)"
std::string last_seen(const std::optional<Sign>& sign);  // ", last seen at iteration 12 (…)"; nothing of a rank unseen

enum class Fault : int {
  failed,  // a rank told its own error
  ended,   // its process is gone, and told nothing
  silent,  // no sign of life
  still    // signs of life, and no progress
};

struct Verdict {
  Fault fault = Fault::failed;
  int rank = 0;            // the first that is to blame
  Exit exit = Exit::peer;  // of `failed`: that of the rank
  std::string text = {};   // for the user
};
std::string text_of(const Verdict& verdict);
std::optional<Verdict> verdict_of(const std::string& text);  // as sign_of

// What stands in the store until somebody writes; nobody has to wait for a key to appear.
inline constexpr char kNothingYet[] = "-";

}  // namespace selfsup::distributed
