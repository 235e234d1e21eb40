#include "run/bad_files.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "base/errors.h"
#include "base/log.h"
#include "base/parallel.h"
#include "checkpoint/file.h"

namespace selfsup::run {

namespace {

constexpr size_t kWarnings = 10;  // bad files of other ranks that the log names one by one

// What would end a field or a line, and the backslash itself, as in C.
constexpr std::string_view kEscaped = "\\\t\n\r", kLetters = "\\tnr";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const size_t at = kEscaped.find(c);
    if (at == kEscaped.npos) {
      out += c;
    } else {
      out += {'\\', kLetters[at]};
    }
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t at = text[i] == '\\' && i + 1 < text.size() ? kLetters.find(text[i + 1]) : kLetters.npos;
    out += at == kLetters.npos ? text[i] : kEscaped[at];
    if (at != kLetters.npos) ++i;
  }
  return out;
}

std::pair<int64_t, std::string> key_of(const data::BadFile& bad) { return {bad.index, bad.path}; }

}  // namespace

BadFiles::BadFiles(const data::Loader& loader, const distributed::Group& group) : loader_(loader), group_(group) {
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
            too_many_ = static_cast<int64_t>(all.size()) > loader_.bad().allowed;  // each rank has counted its own
            const std::string text = bad_files_text(all);
            if (!text.empty()) into.blobs[bad_files_name] = text;
          },
          [](const train::Kept&) { return [] {}; }};
}

std::vector<data::BadFile> still_bad(std::vector<data::BadFile> known, const data::Dataset& dataset,
                                     double max_bad_fraction, int threads, const std::function<void()>& pause) {
  std::erase_if(known, [&](const data::BadFile& bad) {
    return bad.index < 0 || bad.index >= dataset.size() || dataset.describe(bad.index) != bad.path;
  });
  if (static_cast<int64_t>(known.size()) <= data::allowed_bad(max_bad_fraction, dataset.size())) return known;
  std::vector<uint8_t> repaired(known.size());
  const auto look = [&](int64_t i) {
    thread_local data::Image image;
    try {
      dataset.load(known[static_cast<size_t>(i)].index, image);
      repaired[static_cast<size_t>(i)] = 1;
    } catch (const data::BadImage&) {
    }
  };
  parallel_for(static_cast<int64_t>(known.size()), threads, look, [&](int64_t) { pause(); });
  std::vector<data::BadFile> still;
  for (size_t i = 0; i < known.size(); ++i)
    if (!repaired[i]) still.push_back(std::move(known[i]));
  return still;
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
  log_warning(
      fmt::format("{} image{} could not be used; {} lists them", files.size(), files.size() == 1 ? "" : "s", path));
}

std::string bad_files_text(const std::vector<data::BadFile>& files) {
  std::string text;
  for (const data::BadFile& bad : files)
    text += fmt::format("{}\t{}\t{}\n", bad.index, escaped(bad.path), escaped(bad.reason));
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
    bad.path = unescaped(text.substr(first + 1, second - first - 1));
    bad.reason = unescaped(text.substr(second + 1, end - second - 1));
    files.push_back(std::move(bad));
    text.remove_prefix(end + 1);
  }
  return files;
}

}  // namespace selfsup::run
