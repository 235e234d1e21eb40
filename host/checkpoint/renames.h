// Renames below a folder that happen all or none, whenever a kill comes: they are written down first, in
// FOLDER/.renames, which is the one moment that counts, and what a killed process has written down is done by the next.
// Knows no meaning of a name.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace selfsup::checkpoint {

struct Rename {
  std::string from, to;  // relative to the folder; nothing is called `to` when its turn comes
};

// The moment that counts. On Error(storage) none of them has happened, nor will.
void write_down(const std::string& folder, const std::vector<Rename>& renames);

// Does what is written down, if anything is: all is on the disk when this returns. Error(storage), and the next call
// goes on; Error(usage) for what is no regular file, Error(checkpoint) for one that is damaged, and nothing is renamed
// then.
void finish_renames(const std::string& folder);

// The first of NAME.suffix, NAME.suffix-2, … that nothing below the folder is called; NAME may be a path.
std::string free_name(int folder, const std::string& name, std::string_view suffix);

}  // namespace selfsup::checkpoint
