// What ranks that are processes do in several of these tests.
#pragma once
#include <string>

#include "launch/ranks.h"
#include "processes.h"

namespace selfsup::distributed::testing {

extern const test::RankBody loops;    // "looping"; all_reduce, `argument` times or until an error; "looped"
extern const test::RankBody listens;  // as told_meeting; a line "listens ADDRESS" for each socket of it that does

// What the words of the argument make of the meeting: "several" machines, a store that is "served", "address=…".
launch::Meeting told_meeting(const test::RankPlace& place);

void say(const std::string& line);               // written at once
void need(bool holds, const std::string& what);  // an error, unless it holds

}  // namespace selfsup::distributed::testing
