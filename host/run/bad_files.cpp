#include "run/bad_files.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <utility>

#include "base/errors.h"
#include "base/log.h"

namespace selfsup::run {

namespace {

constexpr size_t kWarnings = 10;  // bad files of other ranks that the log names one by one

std::pair<int64_t, std::string> key_of(const data::BadFile& bad) { return {bad.index, bad.path}; }

}  // namespace

BadFiles::BadFiles(const data::Loader& loader, const distributed::Group& group)
    : loader_(loader), group_(group), listed_(static_cast<int64_t>(loader.bad().files.size()) * group.world()) {
  for (const data::BadFile& bad : loader.bad().files) known_.insert(key_of(bad));
}

std::vector<data::BadFile> BadFiles::gather(const std::vector<data::BadFile>& own) {
  if (group_.world() == 1) return own;
  if (group_.rank() == 0)
    for (const data::BadFile& bad : own) known_.insert(key_of(bad));
  std::map<std::pair<int64_t, std::string>, data::BadFile> all;
  int rank = 0;
  for (const std::string& text : group_.all_gather(bad_files_text(own))) {
    for (const data::BadFile& bad : parse_bad_files(text, "another rank")) {
      all.emplace(key_of(bad), bad);
      if (group_.rank() == 0 && known_.insert(key_of(bad)).second) warn(rank, bad);
    }
    ++rank;
  }
  std::vector<data::BadFile> files;
  for (auto& [key, bad] : all) files.push_back(std::move(bad));
  return files;
}

void BadFiles::warn(int rank, const data::BadFile& bad) {
  ++warned_;
  if (warned_ <= kWarnings) log_warning(fmt::format("rank {}: {}: {}", rank, bad.path, bad.reason));
  if (warned_ == kWarnings)
    log_warning("further images that other ranks cannot use are listed at the end, not named here");
}

void BadFiles::hear_of(int64_t listed) {
  if (std::exchange(listed_, listed) != listed) gather(loader_.bad().files);
}

train::Keeper BadFiles::keeper() {
  return {[this](train::Kept& into) {
            const std::vector<data::BadFile> all = gather(loader_.bad().files);
            // Each rank has counted its own.
            if (const auto count = static_cast<int64_t>(all.size()); count > loader_.bad().allowed)
              throw Error(Exit::data, fmt::format("{} images could not be used on all ranks together; max_bad_fraction "
                                                  "allows {}. The first of them:\n  {}: {}",
                                                  count, loader_.bad().allowed, all[0].path, all[0].reason));
            const std::string text = bad_files_text(all);
            if (!text.empty()) into.blobs[bad_files_name] = text;
          },
          [](const train::Kept&) { return [] {}; }};
}

std::string bad_files_text(const std::vector<data::BadFile>& files) {
  std::string text;
  for (const data::BadFile& bad : files) text += fmt::format("{}\t{}\t{}\n", bad.index, bad.path, bad.reason);
  return text;
}

std::vector<data::BadFile> parse_bad_files(std::string_view text, const std::string& source) {
  std::vector<data::BadFile> files;
  while (!text.empty()) {
    const size_t end = text.find('\n'), first = text.find('\t'), second = text.find('\t', first + 1);
    data::BadFile bad;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), bad.index);
    if (end == text.npos || second >= end || error != std::errc() || stop != text.data() + first)
      throw Error(Exit::checkpoint, fmt::format("{}: expected lines \"INDEX<tab>PATH<tab>REASON\"", source));
    bad.path = text.substr(first + 1, second - first - 1);
    bad.reason = text.substr(second + 1, end - second - 1);
    files.push_back(std::move(bad));
    text.remove_prefix(end + 1);
  }
  return files;
}

}  // namespace selfsup::run
