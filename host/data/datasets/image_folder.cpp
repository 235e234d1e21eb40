#include "data/datasets/image_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/errors.h"
#include "base/log.h"
#include "base/utf8.h"
#include "config/schema.h"
#include "data/datasets/folder_scan.h"
#include "data/datasets/image_files.h"

namespace selfsup::data {
namespace {

// What was not taken, "" when everything was.
std::string left_out(const FolderScan& found) {
  std::vector<std::string> parts;
  const auto tell = [&](int64_t count, const char* one, const char* several, const std::string& first) {
    if (count > 0)
      parts.push_back(fmt::format("{} {} (first: {})", count, count == 1 ? one : several, printable(first)));
  };
  tell(found.others, "file without an image's ending", "files without an image's ending", found.first_other);
  tell(found.work_dirs, "work folder of a run", "work folders of runs", found.first_work_dir);
  tell(found.repeated, "folder that is read already by another path", "folders that are read already by other paths",
       found.first_repeated);
  return fmt::format("{}", fmt::join(parts, ", "));
}

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

std::unique_ptr<Dataset> open_image_folder(const Json& spec, const Reading& reading) {
  const std::string root = image_root(spec);
  if (root.empty())
    throw Error(Exit::usage,
                fmt::format("{}: \"data_root\" is missing: the folder with the images", describe(spec.source)));
  require_folder(root);
  const FolderScan found = scan_folder(root, reading.work_dir, reading.pause);
  const std::string rest = left_out(found);
  if (found.images.empty())
    throw Error(Exit::data, fmt::format("the image folder {} holds no image at any depth (.{}){}", printable(root),
                                        fmt::join(decoded_endings(), ", ."), rest.empty() ? "" : "; it holds " + rest));
  if (!rest.empty()) log_info(fmt::format("the image folder {}: left out {}", printable(root), rest));
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
                                      decoding_of(spec, reading));
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
