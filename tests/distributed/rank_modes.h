// What rank_helper can do as one rank of a run.
#pragma once
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "launch/ranks.h"

namespace selfsup::distributed::testing {

struct Told {
  launch::Ranks ranks;
  launch::Meeting meeting;
  std::chrono::milliseconds patience{0};
  std::vector<std::pair<std::string, std::string>> more;
};

void meet(const Told& told);            // "met over INTERFACE", by the rendezvous alone
void collectives(const Told& told);     // every operation of both groups, with device=cuda on a GPU; "collectives hold"
void show_listeners(const Told& told);  // a line "listens ADDRESS" for each socket of this process that does
void loop(const Told& told);            // "looping"; all_reduce until `times` or an error; "looped"
void leave(const Told& told);           // rank 1 goes without a word, the others leave while it is waited for; "parted"
void linger(const Told& told);          // as leave, but rank 1 stops instead
void freeze(const Told& told);          // rank 0 stops; the others ask its store, which gives up; "gave up"
void agree(const Told& told);           // on `more`; "agreed"

}  // namespace selfsup::distributed::testing
