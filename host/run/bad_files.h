// The list of images that a run could not use, as it travels from process to process in its checkpoints.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "data/loader.h"

namespace selfsup::run {

// The checkpoint's file, there only when images were bad.
inline constexpr const char* bad_files_name = "bad_files.txt";

// One line an image: "INDEX<tab>PATH<tab>REASON".
std::string bad_files_text(const std::vector<data::BadFile>& files);
// The way back. source: for messages. Error(checkpoint).
std::vector<data::BadFile> parse_bad_files(std::string_view text, const std::string& source);

}  // namespace selfsup::run
