#include "data/datasets/idx.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/errors.h"
#include "base/utf8.h"
#include "config/schema.h"
#include "data/file.h"

namespace selfsup::data {
namespace {

constexpr uint64_t kMaxBytes = 8ull << 30;  // of a file, packed or not

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error(Exit::data, fmt::format("idx file {}: {}", printable(path), reason));
}

// A file as it is, or unpacked as it is read: of any number of gzip's members.
class Unpacked {
 public:
  explicit Unpacked(const std::string& path) : path_(path), gz_(nullptr, gzclose) {
    RegularFile file = opened(path);
    size_ = file.size();
    if (size_ > kMaxBytes) refuse(path, fmt::format("{} bytes, more than the {} that are read", size_, kMaxBytes));
    Fd regular = file.release();
    gz_.reset(gzdopen(regular.get(), "rb"));
    if (!gz_) refuse(path, "zlib cannot start");
    regular.release();
  }

  // Fewer bytes only at the end.
  size_t read(void* to, size_t bytes) {
    constexpr size_t kAtOnce = 1 << 30;  // zlib counts in 31 bits
    size_t done = 0;
    while (done < bytes) {
      const auto part = static_cast<unsigned>(std::min(bytes - done, kAtOnce));
      const int got = gzread(gz_.get(), static_cast<uint8_t*>(to) + done, part);
      int error = Z_OK;
      const char* text = gzerror(gz_.get(), &error);
      if (got < 0 || error == Z_BUF_ERROR)
        refuse(path_,
               error == Z_BUF_ERROR ? "the gzip data end too early" : fmt::format("damaged gzip data ({})", text));
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  bool packed() const { return gzdirect(gz_.get()) == 0; }
  // What it holds; of a packed one, what it can hold.
  uint64_t most_bytes() const {
    constexpr uint64_t kMostPacked = 1032;  // times, by deflate
    return packed() ? std::min(kMaxBytes, size_ * kMostPacked) : size_;
  }

 private:
  static RegularFile opened(const std::string& path) {
    try {
      return open_file(path);
    } catch (const std::runtime_error& e) {  // BadImage or Error
      refuse(path, e.what());
    }
  }

  const std::string& path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> gz_;
  uint64_t size_ = 0;
};

struct IdxFile {
  std::vector<int64_t> sizes;
  std::vector<uint8_t> elements;
};

IdxFile read_idx(const std::string& path, size_t least_dims, size_t most_dims) {
  Unpacked file(path);
  uint8_t b[4] = {};
  if (file.read(b, sizeof(b)) < sizeof(b) || b[0] != 0 || b[1] != 0)
    refuse(path, "not an idx file (it does not start with two zero bytes)");
  if (b[2] != 8) refuse(path, fmt::format("elements of type 0x{:02x}; expected unsigned bytes (0x08)", b[2]));
  const size_t dims = b[3];
  if (dims < least_dims || dims > most_dims)
    refuse(path, fmt::format("{} dimensions; expected {}{}", dims, least_dims,
                             least_dims == most_dims ? "" : fmt::format(" to {}", most_dims)));
  IdxFile idx;
  unsigned __int128 promised = 1;
  for (size_t d = 0; d < dims; ++d) {
    uint8_t p[4] = {};
    if (file.read(p, sizeof(p)) < sizeof(p)) refuse(path, "the header ends too early");
    const uint32_t size = uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3];
    idx.sizes.push_back(size);
    promised *= size;
  }
  const auto refuse_count = [&](const std::string& holds) {
    refuse(path, fmt::format("the header promises {} elements ({}), the file holds {}",
                             promised > UINT64_MAX ? UINT64_MAX : static_cast<uint64_t>(promised),
                             fmt::join(idx.sizes, " x "), holds));
  };
  const uint64_t header = 4 + 4 * dims, most = file.most_bytes() - std::min(file.most_bytes(), header);
  if (!file.packed() && promised != most) refuse_count(std::to_string(most));
  if (promised > most) refuse_count(fmt::format("{} at most", most));
  idx.elements.resize(static_cast<size_t>(promised));
  const size_t have = file.read(idx.elements.data(), idx.elements.size());
  if (have < idx.elements.size()) refuse_count(std::to_string(have));
  if (file.read(b, 1) > 0) refuse_count("more");
  return idx;
}

}  // namespace

IdxDataset::IdxDataset(std::string images_path, const std::string& labels_path) : path_(std::move(images_path)) {
  IdxFile images = read_idx(path_, 3, 4);
  size_ = images.sizes[0];
  const int64_t channels = images.sizes.size() == 4 ? images.sizes[3] : 1;
  if (size_ == 0) refuse(path_, "it holds no images");
  if (channels != 1 && channels != 3) refuse(path_, fmt::format("{} channels; expected 1 or 3", channels));
  for (size_t d = 1; d < 3; ++d)
    if (images.sizes[d] < 1 || images.sizes[d] > 65535)
      refuse(path_, fmt::format("images of {} x {}; sides run from 1 to 65535", images.sizes[1], images.sizes[2]));
  shape_ = {static_cast<int>(images.sizes[1]), static_cast<int>(images.sizes[2]), static_cast<int>(channels)};
  pixels_ = std::move(images.elements);
  if (labels_path.empty()) return;
  IdxFile labels = read_idx(labels_path, 1, 1);
  if (labels.sizes[0] != size_)
    refuse(labels_path, fmt::format("{} labels for the {} images of {}", labels.sizes[0], size_, printable(path_)));
  labels_ = std::move(labels.elements);
  classes_ = *std::max_element(labels_.begin(), labels_.end()) + 1;
}

std::string IdxDataset::describe(int64_t index) const { return fmt::format("{}[{}]", printable(path_), index); }

void IdxDataset::load(int64_t index, Image& out) const {
  out.reshape(shape_.height, shape_.width, shape_.channels);
  const size_t bytes = out.pixels.size();
  const uint8_t* first = pixels_.data() + static_cast<size_t>(index) * bytes;
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
          [](const Json& spec, const Reading&) -> std::unique_ptr<Dataset> {
            const IdxPaths paths = stated_paths(spec);
            return std::make_unique<IdxDataset>(paths.images, paths.labels);
          },
          [](const Json& spec) { return shape_of(stated_paths(spec).images); }};
}

}  // namespace selfsup::data
