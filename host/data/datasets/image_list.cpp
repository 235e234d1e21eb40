#include "data/datasets/image_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/errors.h"
#include "base/utf8.h"
#include "config/schema.h"
#include "data/datasets/image_files.h"
#include "data/file.h"

namespace selfsup::data {
namespace {

constexpr uint64_t kMaxListBytes = 4ull << 30;

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

std::unique_ptr<Dataset> open_image_list(const Json& spec, const Reading& reading) {
  const std::string ann_file = join_path(spec.get("data_root").as_string(), spec.get("ann_file").as_string());
  const std::string root = image_root(spec);
  std::vector<uint8_t> bytes;
  try {
    read_regular_file(ann_file, kMaxListBytes, bytes);
  } catch (const BadImage& e) {
    throw Error(Exit::data, fmt::format("the image list {}: {}", printable(ann_file), e.what()));
  }
  require_folder(root);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    throw Error(Exit::data,
                fmt::format("the image list {} is UTF-16, by its first bytes; save it as UTF-8", printable(ann_file)));
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
  return std::make_unique<ImageFiles>(root, std::move(paths), std::move(labels), std::vector<std::string>(),
                                      decoding_of(spec, reading));
}

DatasetType image_list() {
  return {{"image_list", "ImageList", "mmselfsup.ImageList"},
          config::parse_schema(std::string(R"({
            "type": "object", "description": "the images that a file lists, one a line: path, or path and label",
            "properties": {)") + kImageFileKeys +
                                   R"(,
              "ann_file": {"type": "string", "description": "the list, relative to data_root"}},
            "required": ["ann_file"]})",
                               "image_list"),
          open_image_list,
          shape_of_image_files};
}

}  // namespace selfsup::data
