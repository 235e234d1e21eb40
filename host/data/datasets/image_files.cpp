#include "data/datasets/image_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/errors.h"
#include "base/log.h"
#include "base/utf8.h"
#include "data/codecs/codec.h"
#include "data/file.h"

namespace selfsup::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxListBytes = 4ull << 30;

bool has_image_ending(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(name.substr(dot + 1));
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (std::string_view known :
       {"jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "pnm"})
    if (ending == known) return true;
  return false;
}

struct Found {
  std::vector<std::string> images;  // relative paths, sorted
  int64_t others = 0;               // files with other endings
  std::string first_other;

  std::string others_text() const {
    return fmt::format("{} file{} without an image's ending (first: {})", others, others == 1 ? "" : "s",
                       printable(first_other));
  }
};

class FolderScan {
 public:
  explicit FolderScan(const std::string& root) : root_(root) {}
  Found run() {
    visit("");
    std::sort(found_.images.begin(), found_.images.end());
    return std::move(found_);
  }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  void visit(const std::string& relative) {
    const std::string folder = join_path(root_, relative);
    struct stat status;
    if (::stat(folder.c_str(), &status) != 0) refuse(folder, std::generic_category().message(errno));
    const Identity identity{status.st_dev, status.st_ino};
    if (std::find(ancestors_.begin(), ancestors_.end(), identity) != ancestors_.end()) return;
    ancestors_.push_back(identity);
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (name.empty() || name[0] == '.') continue;
      std::error_code ignored;  // a link that leads nowhere is no folder: it is listed, and found bad when read
      const std::string path = relative.empty() ? name : relative + "/" + name;
      if (entry->is_directory(ignored))
        visit(path);
      else if (has_image_ending(name))
        found_.images.push_back(path);
      else if (found_.others++ == 0 || path < found_.first_other)
        found_.first_other = path;
    }
    if (error) refuse(folder, error.message());
    ancestors_.pop_back();
  }

  [[noreturn]] static void refuse(const std::string& folder, const std::string& reason) {
    throw Error(Exit::data, fmt::format("the image folder {} cannot be read: {}", printable(folder), reason));
  }

  std::string root_;
  Found found_;
  std::vector<Identity> ancestors_;
};

// Labels by the first folder of each path, and these folders; empty when there are no class folders.
std::pair<std::vector<int32_t>, std::vector<std::string>> folder_labels(const std::vector<std::string>& paths) {
  std::vector<std::string_view> folders;
  for (const std::string& path : paths) {
    const size_t slash = path.find('/');
    if (slash == std::string::npos) return {};
    folders.push_back(std::string_view(path).substr(0, slash));
  }
  std::vector<std::string_view> classes = folders;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  if (classes.size() < 2) return {};
  std::vector<int32_t> labels;
  labels.reserve(paths.size());
  for (std::string_view folder : folders)
    labels.push_back(static_cast<int32_t>(std::lower_bound(classes.begin(), classes.end(), folder) - classes.begin()));
  return {std::move(labels), {classes.begin(), classes.end()}};
}

void require_folder(const std::string& path) {
  struct stat status;
  const bool there = ::stat(path.empty() ? "." : path.c_str(), &status) == 0;
  if (there && S_ISDIR(status.st_mode)) return;
  throw Error(Exit::data, fmt::format("the image folder {} {}", printable(path),
                                      there ? "is not a folder" : "does not exist (see data_root and data_prefix)"));
}

// Cuts the label off a line; -1 when its last word is no number.
int32_t take_label(std::string_view& line) {
  const size_t blank = line.find_last_of(" \t");
  if (blank == std::string_view::npos) return -1;
  const std::string_view word = line.substr(blank + 1);
  int32_t label = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), label);
  if (error != std::errc() || end != word.data() + word.size() || label < -1) return -1;
  line = line.substr(0, line.find_last_not_of(" \t", blank) + 1);
  return label;
}

}  // namespace

ImageFiles::ImageFiles(std::string root, PathTable paths, std::vector<int32_t> labels,
                       std::vector<std::string> class_names, int channels)
    : root_(std::move(root)),
      paths_(std::move(paths)),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)),
      channels_(channels) {
  for (int32_t label : labels_) classes_ = std::max<int64_t>(classes_, label + int64_t{1});
}

std::string ImageFiles::path(int64_t index) const { return join_path(root_, paths_[static_cast<size_t>(index)]); }

std::string ImageFiles::describe(int64_t index) const { return printable(path(index)); }

void ImageFiles::load(int64_t index, Image& out) const {
  thread_local std::vector<uint8_t> bytes;
  read_regular_file(path(index), kMaxImageFileBytes, bytes);
  decode_image(bytes, channels_, out);
}

std::unique_ptr<Dataset> open_image_folder(const std::string& root, FolderLabels wanted, int channels) {
  require_folder(root);
  const Found found = FolderScan(root.empty() ? "." : root).run();
  if (found.images.empty())
    throw Error(Exit::data, fmt::format("the image folder {} holds no image at any depth (.jpg, .jpeg, .jpe, .jfif, "
                                        ".png){}",
                                        printable(root), found.others ? "; it holds " + found.others_text() : ""));
  if (found.others) log_info(fmt::format("the image folder {}: left out {}", printable(root), found.others_text()));
  std::vector<int32_t> labels;
  std::vector<std::string> classes;
  if (wanted != FolderLabels::none) std::tie(labels, classes) = folder_labels(found.images);
  if (wanted == FolderLabels::required && labels.empty())
    throw Error(Exit::data, fmt::format("with_label is true, but {} has no class folders: every image must lie in a "
                                        "sub-folder, and there must be two of these at least",
                                        printable(root)));
  PathTable paths;
  for (const std::string& path : found.images) paths.add(path);
  return std::make_unique<ImageFiles>(root, std::move(paths), std::move(labels), std::move(classes), channels);
}

std::unique_ptr<Dataset> open_image_list(const std::string& ann_file, const std::string& root, int channels) {
  std::vector<uint8_t> bytes;
  try {
    read_regular_file(ann_file, kMaxListBytes, bytes);
  } catch (const BadImage& e) {
    throw Error(Exit::data, fmt::format("the image list {}: {}", printable(ann_file), e.what()));
  }
  require_folder(root);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  PathTable paths;
  std::vector<int32_t> labels;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) continue;
    labels.push_back(take_label(line));
    paths.add(line);
  }
  if (paths.size() == 0) throw Error(Exit::data, fmt::format("the image list {} is empty", printable(ann_file)));
  if (std::all_of(labels.begin(), labels.end(), [](int32_t label) { return label < 0; })) labels.clear();
  return std::make_unique<ImageFiles>(root, std::move(paths), std::move(labels), std::vector<std::string>(), channels);
}

}  // namespace selfsup::data
