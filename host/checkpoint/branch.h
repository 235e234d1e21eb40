// The change of a work folder from one course of a run to another: what a run that goes on from an older checkpoint
// leaves behind, and where its own files are until then. Knows no tensor.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/renames.h"

namespace selfsup::checkpoint {

// Until its first save, such a run keeps its files in this folder of the work folder.
inline constexpr std::string_view branch_name = ".branch";

// Of the change that comes with the save of a checkpoint, written as `from`: checkpoints left behind are called
// NAME.superseded, so is every file of the old course that the new one has too, and the new ones take their places. An
// older checkpoint of the saved one's name becomes .old-NAME, which nothing is called. checkpoints: a folder in `work`;
// the other names are of folders in it. Error(storage).
std::vector<Rename> renames_of_change(const std::string& work, const std::string& checkpoints,
                                      const std::vector<std::string>& left_behind, const Rename& saved);

}  // namespace selfsup::checkpoint
