#include "data/datasets/image_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/errors.h"
#include "base/log.h"
#include "base/utf8.h"
#include "config/schema.h"
#include "data/codecs/codec.h"
#include "data/datasets/image_files.h"
#include "data/file.h"

namespace selfsup::data {
namespace {

namespace fs = std::filesystem;

std::vector<std::string_view> decoded_endings() {
  std::vector<std::string_view> endings;
  for (const Codec& codec : codecs()) endings.insert(endings.end(), codec.endings.begin(), codec.endings.end());
  return endings;
}

bool has_image_ending(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(name.substr(dot + 1));
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  static const std::vector<std::string_view> decoded = decoded_endings();
  static constexpr std::string_view others[] = {"gif", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "pnm"};
  return std::ranges::find(decoded, ending) != decoded.end() || std::ranges::find(others, ending) != std::end(others);
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

}  // namespace

std::unique_ptr<Dataset> open_image_folder(const Json& spec) {
  const std::string root = image_root(spec);
  if (root.empty())
    throw Error(Exit::usage,
                fmt::format("{}: \"data_root\" is missing: the folder with the images", describe(spec.source)));
  require_folder(root);
  const Found found = FolderScan(root).run();
  if (found.images.empty())
    throw Error(Exit::data, fmt::format("the image folder {} holds no image at any depth (.{}){}", printable(root),
                                        fmt::join(decoded_endings(), ", ."),
                                        found.others ? "; it holds " + found.others_text() : ""));
  if (found.others) log_info(fmt::format("the image folder {}: left out {}", printable(root), found.others_text()));
  std::vector<int32_t> labels;
  std::vector<std::string> classes;
  const Json* wanted = spec.find("with_label");
  if (!wanted || wanted->as_bool()) std::tie(labels, classes) = folder_labels(found.images);
  if (wanted && wanted->as_bool() && labels.empty())
    throw Error(Exit::data, fmt::format("with_label is true, but {} has no class folders: every image must lie in a "
                                        "sub-folder, and there must be two of these at least",
                                        printable(root)));
  PathTable paths;
  for (const std::string& path : found.images) paths.add(path);
  return std::make_unique<ImageFiles>(root, std::move(paths), std::move(labels), std::move(classes),
                                      static_cast<int>(spec.get("channels").as_int()));
}

DatasetType image_folder() {
  return {{"image_folder"},
          config::parse_schema(std::string(R"({
            "type": "object", "description": "every file with an image's ending below a folder, at any depth",
            "properties": {)") + kImageFileKeys +
                                   R"(,
              "with_label": {"type": "boolean", "description": "true: sub-folders must be classes; false: no labels; absent: labels when every image lies in a sub-folder and there are two or more"}},
            "required": ["data_root"]})",
                               "image_folder"),
          open_image_folder,
          shape_of_image_files};
}

}  // namespace selfsup::data
