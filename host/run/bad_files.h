// The list of images that a run could not use: for its user in the work folder, and in its checkpoints, where it
// travels from process to process.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "data/loader/loader.h"
#include "distributed/group.h"
#include "train/keeper.h"

namespace selfsup::run {

// The file, there only when images were bad.
inline constexpr const char* bad_files_name = "bad_files.txt";

// Writes the list into that folder, which is made if need be, and says so; or takes an old one away.
void write_bad_files(const std::string& folder, const std::vector<data::BadFile>& files);
// One line an image: "INDEX<tab>PATH<tab>REASON".
std::string bad_files_text(const std::vector<data::BadFile>& files);
// Has the lists of all ranks' loaders saved, and tells whether they hold more than is allowed. A loader that goes on
// has been made with the saved one. References outlive the result.
train::Keeper keep_bad_files(const data::Loader& loader, const distributed::Group& group, bool& too_many);
// Of images that could not be used, each of which is there once, those that still stand in their places. Where they are
// too many to go on with they are read again, and what has been repaired counts no more.
std::vector<data::BadFile> still_bad(std::vector<data::BadFile> known, const data::Dataset& dataset,
                                     double max_bad_fraction);
// Those of all ranks, each once, in the order of their indices where there are several ranks; called by all.
std::vector<data::BadFile> gather_bad_files(const std::vector<data::BadFile>& own, const distributed::Group& group);
// The way back. source: for messages. Error(checkpoint).
std::vector<data::BadFile> parse_bad_files(std::string_view text, const std::string& source);

}  // namespace selfsup::run
