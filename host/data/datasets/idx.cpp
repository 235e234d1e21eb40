#include "data/datasets/idx.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "base/errors.h"
#include "base/text.h"
#include "base/utf8.h"
#include "config/memory.h"
#include "config/schema.h"
#include "data/datasets/gzip.h"
#include "data/file.h"

namespace selfsup::data {
namespace {

constexpr uint64_t kMaxBytes = 8ull << 30;  // of a file, packed or not

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error(Exit::data, fmt::format("idx file {}: {}", printable(path), reason));
}

// Before they are taken.
void require_room(const std::string& path, uint64_t bytes, int local_ranks) {
  if (bytes > kMaxBytes) refuse(path, fmt::format("it holds {}, more than the 8 GiB that are read", size_text(bytes)));
  const config::Allowance room = config::allowed_memory(local_ranks);
  if (bytes > room.bytes)
    refuse(path, fmt::format("it holds {}, and this process may take {} ({}); an image_folder is read image by image",
                             size_text(bytes), size_text(room.bytes), room.why));
}

RegularFile open_or_refuse(const std::string& path) try {
  return open_file(path);
} catch (const std::runtime_error& e) {
  refuse(path, e.what());
}

std::vector<uint8_t> read_file(const std::string& path, int local_ranks) try {
  const RegularFile file = open_or_refuse(path);
  require_room(path, file.size(), local_ranks);
  std::vector<uint8_t> bytes(file.size());
  bytes.resize(file.read(0, bytes.data(), bytes.size()));  // it may have shrunk; what is there is judged as it is
  return bytes;
} catch (const FileError& e) {
  refuse(path, e.what());
}

struct IdxFile {
  std::vector<int64_t> sizes;
  size_t offset = 0;           // of the first element in bytes
  std::vector<uint8_t> bytes;  // the elements alone, where they were packed
};

constexpr size_t kMaxDims = 4, kMaxHeader = 4 + 4 * kMaxDims;

// Sizes and offset, from the first bytes of a file. Returns the number of elements that they promise.
uint64_t read_header(const std::string& path, std::span<const uint8_t> b, size_t least_dims, size_t most_dims,
                     IdxFile& file) {
  if (b.size() < 4 || b[0] != 0 || b[1] != 0) refuse(path, "not an idx file (it does not start with two zero bytes)");
  if (b[2] != 0x08) refuse(path, fmt::format("elements of type 0x{:02x}; expected unsigned bytes (0x08)", b[2]));
  const size_t dims = b[3];
  if (dims < least_dims || dims > most_dims)
    refuse(path, fmt::format("{} dimensions; expected {}{}", dims, least_dims,
                             least_dims == most_dims ? "" : fmt::format(" to {}", most_dims)));
  file.offset = 4 + 4 * dims;
  if (b.size() < file.offset) refuse(path, "the header ends too early");
  unsigned __int128 elements = 1;
  for (size_t d = 0; d < dims; ++d) {
    const uint8_t* p = b.data() + 4 + 4 * d;
    file.sizes.push_back(uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3]);
    elements *= static_cast<uint64_t>(file.sizes.back());
  }
  return elements > UINT64_MAX ? UINT64_MAX : static_cast<uint64_t>(elements);
}

[[noreturn]] void refuse_count(const std::string& path, const IdxFile& file, uint64_t promised,
                               const std::string& found) {
  refuse(path, fmt::format("the header promises {} elements ({}), the file holds {}", promised,
                           fmt::join(file.sizes, " x "), found));
}

// Unpacked to the size that its header promises, which is judged first.
void unpack(const std::string& path, const std::vector<uint8_t>& packed, size_t least_dims, size_t most_dims,
            int local_ranks, IdxFile& file) try {
  Gzip gzip(packed);
  uint8_t header[kMaxHeader];
  size_t known = gzip.read(header, sizeof header);
  const uint64_t promised = read_header(path, {header, known}, least_dims, most_dims, file);
  known -= file.offset;
  if (promised > Gzip::most(packed.size()))
    refuse_count(path, file, promised, fmt::format("{} bytes, packed", packed.size()));
  if (promised < known) refuse_count(path, file, promised, "more");
  require_room(path, promised, local_ranks);
  file.bytes.resize(promised);
  std::copy_n(header + file.offset, known, file.bytes.begin());
  known += gzip.read(file.bytes.data() + known, promised - known);
  uint8_t beyond;
  if (known < promised) refuse_count(path, file, promised, std::to_string(known));
  if (gzip.read(&beyond, 1) > 0) refuse_count(path, file, promised, "more");
  file.offset = 0;
} catch (const GzipError& e) {
  refuse(path, e.what());
}

IdxFile read_idx(const std::string& path, size_t least_dims, size_t most_dims, int local_ranks) {
  IdxFile file;
  std::vector<uint8_t> bytes = read_file(path, local_ranks);
  if (Gzip::is_one(bytes)) {
    unpack(path, bytes, least_dims, most_dims, local_ranks, file);
    return file;
  }
  const uint64_t promised = read_header(path, bytes, least_dims, most_dims, file), have = bytes.size() - file.offset;
  if (promised != have) refuse_count(path, file, promised, std::to_string(have));
  file.bytes = std::move(bytes);
  return file;
}

}  // namespace

IdxDataset::IdxDataset(std::string images_path, const std::string& labels_path, int local_ranks)
    : path_(std::move(images_path)) {
  IdxFile images = read_idx(path_, 3, 4, local_ranks);
  size_ = images.sizes[0];
  const int64_t channels = images.sizes.size() == 4 ? images.sizes[3] : 1;
  if (size_ == 0) refuse(path_, "it holds no images");
  if (channels != 1 && channels != 3) refuse(path_, fmt::format("{} channels; expected 1 or 3", channels));
  for (size_t d = 1; d < 3; ++d)
    if (images.sizes[d] < 1 || images.sizes[d] > 65535)
      refuse(path_, fmt::format("images of {} x {}; sides run from 1 to 65535", images.sizes[1], images.sizes[2]));
  shape_ = {static_cast<int>(images.sizes[1]), static_cast<int>(images.sizes[2]), static_cast<int>(channels)};
  offset_ = images.offset;
  bytes_ = std::move(images.bytes);
  if (labels_path.empty()) return;
  IdxFile labels = read_idx(labels_path, 1, 1, local_ranks);
  if (labels.sizes[0] != size_)
    refuse(labels_path, fmt::format("{} labels for the {} images of {}", labels.sizes[0], size_, printable(path_)));
  labels_.assign(labels.bytes.begin() + static_cast<ptrdiff_t>(labels.offset), labels.bytes.end());
  classes_ = *std::max_element(labels_.begin(), labels_.end()) + 1;
}

std::string IdxDataset::describe(int64_t index) const { return fmt::format("{}[{}]", printable(path_), index); }

void IdxDataset::load(int64_t index, Image& out) const {
  out.reshape(shape_.height, shape_.width, shape_.channels);
  const size_t bytes = out.pixels.size();
  const uint8_t* first = bytes_.data() + offset_ + static_cast<size_t>(index) * bytes;
  std::copy(first, first + bytes, out.pixels.begin());
}

namespace {

struct IdxPaths {
  std::string images, labels;  // labels is empty when there is no such file
};

// The files of a split ("train" or "test") in a folder: train-images-idx3-ubyte and so on, with .gz or without.
IdxPaths find_idx(const std::string& data_root, const std::string& split) {
  const std::string stem = split == "train" ? "train" : "t10k";
  const auto find = [&](const std::string& name) {
    for (const char* ending : {"", ".gz"}) {
      const std::string path = join_path(data_root, name + ending);
      struct stat status;
      if (::stat(path.c_str(), &status) == 0) return path;
    }
    return std::string();
  };
  IdxPaths paths{find(stem + "-images-idx3-ubyte"), find(stem + "-labels-idx1-ubyte")};
  if (paths.images.empty())
    throw Error(Exit::data, fmt::format("the folder {} holds no {}-images-idx3-ubyte, nor one with .gz (split \"{}\")",
                                        printable(data_root), stem, split));
  return paths;
}

IdxPaths stated_paths(const Json& spec) {
  const std::string& root = spec.get("data_root").as_string();
  IdxPaths paths;
  if (const Json* images = spec.find("images"))
    paths.images = join_path(root, images->as_string());
  else if (!root.empty())
    paths = find_idx(root, spec.get("split").as_string());
  else
    throw Error(Exit::usage, fmt::format("{}: an idx dataset needs \"images\" (a file) or \"data_root\" (a folder)",
                                         selfsup::describe(spec.source)));
  if (const Json* labels = spec.find("labels")) paths.labels = join_path(root, labels->as_string());
  return paths;
}

// From the header alone. zlib reads packed and plain files alike.
ImageShape shape_of(const std::string& path) {
  Fd regular = open_file(path).release();  // gzopen would wait for the writer of a FIFO
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzdopen(regular.get(), "rb"), gzclose);
  if (file) regular.release();
  std::array<uint8_t, 20> b{};
  if (!file || gzread(file.get(), b.data(), b.size()) < static_cast<int>(b.size()) || b[3] < 3 || b[3] > 4) return {};
  const auto size = [&](size_t d) { return static_cast<int>(b[4 + 4 * d + 2] << 8 | b[4 + 4 * d + 3]); };
  return {size(1), size(2), b[3] == 4 ? size(3) : 1};
}

}  // namespace

DatasetType idx() {
  return {{"idx"},
          config::parse_schema(R"({
            "type": "object", "description": "files of the MNIST family, gzipped or not",
            "properties": {
              "type": {"type": "string"},
              "data_root": {"type": "string", "default": "", "description": "folder of the files; relative to where the program starts"},
              "split": {"type": "string", "enum": ["train", "test"], "default": "train", "description": "which of the files in data_root, when images is not given"},
              "images": {"type": "string", "description": "image file, relative to data_root"},
              "labels": {"type": "string", "description": "label file, relative to data_root"}}})",
                               "idx"),
          [](const Json& spec, const Reading& reading) -> std::unique_ptr<Dataset> {
            const IdxPaths paths = stated_paths(spec);
            return std::make_unique<IdxDataset>(paths.images, paths.labels, reading.local_ranks);
          },
          [](const Json& spec) { return shape_of(stated_paths(spec).images); }};
}

}  // namespace selfsup::data
