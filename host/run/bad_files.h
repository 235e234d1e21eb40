// The list of images that a run could not use: for its user in the work folder, and in its checkpoints, where it
// travels from process to process.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/loader/loader.h"
#include "distributed/group.h"
#include "train/keeper.h"

namespace selfsup::run {

// The file, there only when images were bad.
inline constexpr const char* bad_files_name = "bad_files.txt";

// One line an image: "INDEX<tab>PATH<tab>REASON".
std::string bad_files_text(const std::vector<data::BadFile>& files);

// The lists of all ranks. A rank's loader warns of what it meets, but only the first rank is heard: it warns of what
// only others have met, with their rank, when the lists are gathered next.
class BadFiles {
 public:
  // loader: this rank's; what it knows from its beginning, all ranks know.
  BadFiles(const data::Loader& loader, const distributed::Group& group);

  // Those of all ranks, each once, in the order of their indices where there are several ranks; called by all. own:
  // this rank's.
  std::vector<data::BadFile> gather(const std::vector<data::BadFile>& own);
  // Where numbers of all ranks meet anyway: how many they have listed together. Called by all; gathers if these are
  // more than before.
  void hear_of(int64_t listed);
  // Has the lists saved. A loader that goes on has been made with the saved one.
  train::Keeper keeper();

 private:
  void warn(int rank, const data::BadFile& bad);

  const data::Loader& loader_;
  const distributed::Group& group_;
  std::set<std::pair<int64_t, std::string>> known_;  // to the first rank; indices are of several sets
  int64_t listed_;
  size_t warned_ = 0;
};

// The way back. source: for messages. Error(checkpoint).
std::vector<data::BadFile> parse_bad_files(std::string_view text, const std::string& source);

}  // namespace selfsup::run
