#include "data/datasets/dataset.h"

#include <fmt/ranges.h>

#include <string_view>

#include "base/errors.h"
#include "data/datasets/idx.h"
#include "data/datasets/image_files.h"
#include "data/datasets/shapes.h"
#include "data/file.h"
#include "data/schema.h"

namespace selfsup::data {
namespace {

// MMSelfSup's data_prefix: a path, or {"img_path": path}.
std::string read_prefix(const Json& spec) {
  const Json* prefix = spec.find("data_prefix");
  if (prefix == nullptr || prefix->is_null()) return {};
  return prefix->is_object() ? prefix->get_string("img_path", "") : prefix->as_string();
}

int64_t read_number(const Json& spec, std::string_view key, int64_t least, int64_t most) {
  const int64_t value = spec.get(key).as_int();
  if (value < least || value > most)
    throw Error(Exit::usage, fmt::format("{}: \"{}\" is {}; expected {} to {}", describe(spec.get(key).origin), key,
                                         value, least, most));
  return value;
}

std::unique_ptr<Dataset> make_shapes(const Json& spec) {
  return std::make_unique<ShapesDataset>(read_number(spec, "size", 1, 100000000),
                                         static_cast<int>(read_number(spec, "image_size", 8, 4096)),
                                         static_cast<uint64_t>(spec.get_int("seed", 0)));
}

std::unique_ptr<Dataset> make_idx(const Json& spec) {
  const std::string root = spec.get_string("data_root", "");
  IdxPaths paths;
  if (spec.has("images"))
    paths = {join_path(root, spec.get("images").as_string()), ""};
  else if (!root.empty())
    paths = find_idx(root, spec.get_string("split", "train"));
  else
    throw Error(Exit::usage, fmt::format("{}: an idx dataset needs \"images\" (a file) or \"data_root\" (a folder)",
                                         describe(spec.origin)));
  const std::string labels = spec.get_string("labels", "");
  if (!labels.empty()) paths.labels = join_path(root, labels);
  return std::make_unique<IdxDataset>(paths.images, paths.labels);
}

std::unique_ptr<Dataset> make_files(const Json& spec) {
  const std::string root = spec.get_string("data_root", "");
  const std::string folder = join_path(root, read_prefix(spec));
  const std::string ann_file = spec.get_string("ann_file", "");
  const int channels = static_cast<int>(spec.get_int("channels", 3));
  if (channels != 1 && channels != 3)
    throw Error(Exit::usage, fmt::format("{}: \"channels\" is {}; expected 1 or 3", describe(spec.origin), channels));
  if (!ann_file.empty()) return open_image_list(join_path(root, ann_file), folder, channels);
  if (folder.empty())
    throw Error(Exit::usage,
                fmt::format("{}: \"data_root\" is missing: the folder with the images", describe(spec.origin)));
  FolderLabels labels = FolderLabels::automatic;
  if (const Json* wanted = spec.find("with_label"))
    labels = wanted->as_bool() ? FolderLabels::required : FolderLabels::none;
  return open_image_folder(folder, labels, channels);
}

}  // namespace

std::unique_ptr<Dataset> make_dataset(const Json& spec) {
  const std::string type = spec.get_string("type", "image_folder");
  if (type == "shapes") return make_shapes(spec);
  if (type == "idx") return make_idx(spec);
  if (!dataset_schema(type).empty()) return make_files(spec);
  throw Error(Exit::usage, fmt::format("{}: no dataset type \"{}\"; there are {}", describe(spec.origin), type,
                                       fmt::join(dataset_types(), ", ")));
}

}  // namespace selfsup::data
