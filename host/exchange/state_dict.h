// Where in a pickle the weights are, and their names. Knows no file.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "exchange/pickle.h"

namespace selfsup::exchange {

struct NamedPlaces {
  std::vector<std::pair<std::string, size_t>> tensors;  // name, and which of Pickle::tensors()
  std::string ignored;                                  // what stands beside them: "meta, optimizer"
};

// A dictionary of tensors: the root, or a member of it by one of the names that training programs use, or the only one
// that there is. Malformed when there is none, or several and none by such a name.
NamedPlaces find_state_dict(const Pickle& pickle);

}  // namespace selfsup::exchange
