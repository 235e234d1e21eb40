// The list of images that a run could not use: for its user in the work folder, and in its checkpoints, where it
// travels from process to process.
#pragma once
#include <functional>
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

// Writes the list into that folder, which is made if need be, and says so; or takes an old one away.
void write_bad_files(const std::string& folder, const std::vector<data::BadFile>& files);
// One line an image: "INDEX<tab>PATH<tab>REASON"; a tab, an end of line or a backslash within a field is written as in
// C.
std::string bad_files_text(const std::vector<data::BadFile>& files);
// Of images that could not be used, each of which is there once, those that still stand in their places. Where they are
// too many to go on with they are read again, by so many threads, and what has been repaired counts no more. pause: now
// and then; what it throws ends that.
std::vector<data::BadFile> still_bad(std::vector<data::BadFile> known, const data::Dataset& dataset,
                                     double max_bad_fraction, int threads, const std::function<void()>& pause);

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
  // Has the lists saved, and too_many() know of them. A loader that goes on has been made with the saved one.
  train::Keeper keeper();
  // Of what this rank has found, or of all ranks together when they saved last.
  bool too_many() const { return too_many_ || loader_.bad().too_many(); }

 private:
  void warn(int rank, const data::BadFile& bad);

  const data::Loader& loader_;
  const distributed::Group& group_;
  std::set<std::pair<int64_t, std::string>> known_;  // to the first rank; indices are of several sets
  int64_t listed_ = 0;
  size_t warned_ = 0;
  bool too_many_ = false;
};

// The way back. source: for messages. Error(checkpoint).
std::vector<data::BadFile> parse_bad_files(std::string_view text, const std::string& source);

}  // namespace selfsup::run
