// Whether all ranks start from the same facts: the configuration, the plugins, the data set, the program. Knows none of
// them: names and texts.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "distributed/group.h"

namespace selfsup::distributed {

// A name and a text, each name once; the names may differ among ranks too.
using Facts = std::vector<std::pair<std::string, std::string>>;

// Called by every rank. Where they differ, each gets the same Error(disagree): which fact, which ranks have what, of
// long texts the first line that differs; the measure is what most ranks have, in a tie rank 0's. One exchange of 64
// bytes a rank when all agree.
void agree(const Group& group, const Facts& facts);

}  // namespace selfsup::distributed
