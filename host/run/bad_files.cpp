#include "run/bad_files.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <system_error>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/file.h"

namespace selfsup::run {

train::Keeper keep_bad_files(const data::Loader& loader, const distributed::Group& group, bool& too_many) {
  return {[&](train::Kept& into) {
            const std::vector<data::BadFile> all = gather_bad_files(loader.bad().files, group);
            too_many = static_cast<int64_t>(all.size()) > loader.bad().allowed;  // each rank has counted its own
            const std::string text = bad_files_text(all);
            if (!text.empty()) into.blobs[bad_files_name] = text;
          },
          [](const train::Kept&) { return [] {}; }};
}

std::vector<data::BadFile> still_bad(std::vector<data::BadFile> known, const data::Dataset& dataset,
                                     double max_bad_fraction) {
  std::erase_if(known, [&](const data::BadFile& bad) {
    return bad.index < 0 || bad.index >= dataset.size() || dataset.describe(bad.index) != bad.path;
  });
  if (static_cast<int64_t>(known.size()) <= data::allowed_bad(max_bad_fraction, dataset.size())) return known;
  data::Image image;
  std::erase_if(known, [&](const data::BadFile& bad) {
    try {
      dataset.load(bad.index, image);
      return true;
    } catch (const data::BadImage&) {
      return false;
    }
  });
  return known;
}

std::vector<data::BadFile> gather_bad_files(const std::vector<data::BadFile>& own, const distributed::Group& group) {
  if (group.world() == 1) return own;
  std::map<std::pair<int64_t, std::string>, data::BadFile> all;  // indices are of several sets
  for (const std::string& text : group.all_gather(bad_files_text(own)))
    for (const data::BadFile& bad : parse_bad_files(text, "another rank"))
      all.emplace(std::pair(bad.index, bad.path), bad);
  std::vector<data::BadFile> files;
  for (auto& [key, bad] : all) files.push_back(std::move(bad));
  return files;
}

void write_bad_files(const std::string& folder, const std::vector<data::BadFile>& files) {
  const std::string path = fmt::format("{}/{}", folder, bad_files_name);
  if (files.empty()) {
    std::error_code nothing_there;
    std::filesystem::remove(path, nothing_there);
    return;
  }
  checkpoint::make_folders(folder);
  checkpoint::write_file(path, bad_files_text(files));
  log_warning(fmt::format("{} images could not be used; {} lists them", files.size(), path));
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
