// Which tensor of a file is which of a model: by the names of the formats that the model's components know, and by what
// programs put before them. Knows no values and no component.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace selfsup::exchange {

// Own names, and their names in a format.
using NamePairs = std::vector<std::pair<std::string, std::string>>;
struct Format {
  std::string name;
  NamePairs names;
};

// The formats that components are asked for when a file is read; export takes any that one has.
inline constexpr const char* known_formats[] = {"mmselfsup", "timm", "torchvision"};

// The component of a tensor: its name up to the first dot, "" for the algorithm's own tensors.
std::string component_of(const std::string& own_name);

struct Match {
  std::string format;                                     // "" when nothing matches
  std::string prefix;                                     // of the file's names, beyond the format's: "module."
  std::vector<std::pair<std::string, size_t>> found;      // own name, and which of the file's
  std::vector<std::string> missing;                       // what those components should have beside
  std::vector<size_t> unexpected;                         // of the file
  std::vector<std::pair<std::string, size_t>> untouched;  // components of which the file has nothing, and their tensors
};

// The format and prefix by which most names match; of equals the first format, then the prefix that comes first in the
// file. The file may hold one component alone, under names without that component's. own: all names of the model, which
// are the first format.
Match match_names(const std::vector<std::string>& own, const std::vector<Format>& formats,
                  const std::vector<std::string>& file);

}  // namespace selfsup::exchange
