#include "checkpoint/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_set>

#include "base/errors.h"
#include "base/json.h"
#include "base/utf8.h"

namespace selfsup::checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr uint64_t max_header = 100'000'000;
constexpr size_t alignment = 64;

// shape × element size; false on a negative extent or an overflow.
bool checked_bytes(const std::vector<int64_t>& shape, size_t element, uint64_t& bytes) {
  bytes = element;
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes)) return false;
  }
  return true;
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace

size_t dtype_bytes(std::string_view dtype) {
  static constexpr std::pair<std::string_view, size_t> sizes[] = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
      {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}};
  for (const auto& [name, bytes] : sizes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

SafetensorsLayout::SafetensorsLayout(const std::vector<TensorView>& tensors, const Metadata& metadata) {
  std::unordered_set<std::string_view> names;
  order_.reserve(tensors.size());
  for (const TensorView& t : tensors) {
    uint64_t bytes = 0;
    const size_t element = dtype_bytes(t.dtype);
    if (!element) throw Error(Exit::failed, fmt::format("tensor {}: dtype {} cannot be saved", t.name, t.dtype));
    if (!checked_bytes(t.shape, element, bytes) || bytes != t.bytes || (bytes && !t.data)) {
      throw Error(Exit::failed, fmt::format("tensor {}: shape {} of {} does not match its {} bytes", t.name,
                                            shape_text(t.shape), t.dtype, t.bytes));
    }
    if (t.name == "__metadata__" || !names.insert(t.name).second)
      throw Error(Exit::failed, fmt::format("tensor {}: the name is taken", t.name));
    order_.push_back(&t);
  }
  std::stable_sort(order_.begin(), order_.end(), [](const TensorView* a, const TensorView* b) {
    return dtype_bytes(a->dtype) > dtype_bytes(b->dtype);
  });

  Json::Object header;
  header.reserve(order_.size() + 1);
  if (!metadata.empty()) {
    Json::Object entries;
    for (const auto& [key, value] : metadata) entries.emplace_back(key, Json(value));
    header.emplace_back("__metadata__", Json(std::move(entries)));
  }
  uint64_t offset = 0;
  for (const TensorView* t : order_) {
    Json::Array shape(t->shape.begin(), t->shape.end());
    const auto begin = static_cast<int64_t>(offset);
    offset += t->bytes;
    header.emplace_back(
        t->name,
        Json(Json::Object{{"dtype", t->dtype},
                          {"shape", Json(std::move(shape))},
                          {"data_offsets", Json(Json::Array{Json(begin), Json(static_cast<int64_t>(offset))})}}));
  }
  const std::string json = to_text(Json(std::move(header)));
  const size_t padded = (sizeof(uint64_t) + json.size() + alignment - 1) / alignment * alignment;
  const uint64_t length = padded - sizeof(uint64_t);
  if (length > max_header)
    throw Error(Exit::failed, fmt::format("{} tensors: the header is too large", tensors.size()));
  head_.assign(padded, ' ');
  std::memcpy(head_.data(), &length, sizeof length);
  std::memcpy(head_.data() + sizeof length, json.data(), json.size());
  file_bytes_ = padded + offset;
}

void SafetensorsLayout::write(HashingFile& file) const {
  file.write(head_.data(), head_.size());
  for (const TensorView* t : order_) file.write(t->data, t->bytes);
}

void write_safetensors(const std::string& path, const std::vector<TensorView>& tensors, const Metadata& metadata) {
  const SafetensorsLayout layout(tensors, metadata);
  WholeFile file(path, layout.file_bytes());
  layout.write(file.content());
  file.commit();
}

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path) {
  try {
    map(RegularFile(path));
  } catch (const FileError& error) {
    throw Error(Exit::checkpoint, fmt::format("{}: {}", path, error.what()));
  }
  parse();
}

SafetensorsFile::SafetensorsFile(const RegularFile& file, const std::string& path) : path_(path) {
  map(file);
  parse();
}

void SafetensorsFile::map(const RegularFile& file) {
  size_ = file.size();
  if (size_ < sizeof(uint64_t)) {
    throw Error(Exit::checkpoint,
                fmt::format("{}: not a safetensors file: {} bytes, at least 8 expected", path_, size_));
  }
  try {
    bytes_.emplace(file);
  } catch (const FileError& error) {
    throw Error(Exit::checkpoint, fmt::format("{}: {}", path_, error.what()));
  }
}

void SafetensorsFile::parse() try {
  const auto bad = [](const std::string& text) { throw Error(Exit::checkpoint, text); };
  uint64_t length = 0;
  const char* const bytes = bytes_->bytes().data();
  std::memcpy(&length, bytes, sizeof length);
  const bool zip = std::memcmp(bytes, "PK\3\4", 4) == 0;
  const bool pickle = bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
  if ((zip || pickle) && length > size_ - sizeof length) bad("this is a PyTorch (pickle) file");
  if (length > max_header) bad(fmt::format("a header of {} bytes; at most {} are allowed", length, max_header));
  if (length > size_ - sizeof length) bad(fmt::format("the header claims {} bytes, the file has {}", length, size_));
  const std::string_view text(bytes + sizeof length, length);
  if (text.empty() || text.front() != '{') bad("the header does not start with {");
  JsonLimits limits;
  limits.max_bytes = max_header;
  limits.max_depth = 8;
  limits.comments = false;
  const Json header = parse_json(text, "header", "safetensors", limits);

  const uint64_t data_bytes = size_ - sizeof length - length;
  const char* const data = bytes + sizeof length + length;
  struct Range {
    uint64_t begin, end;
    const std::string* name;
    const Json* entry;
  };
  std::vector<Range> ranges;
  const auto unsigned_at = [&bad](const Json& array, size_t i, const std::string& name) {
    const Json& v = array.as_array()[i];
    if (!v.is_int() || v.as_int() < 0) bad(fmt::format("tensor {}: {} is no size or offset", name, to_text(v)));
    return static_cast<uint64_t>(v.as_int());
  };
  for (const auto& [name, entry] : header.as_object()) {
    if (!entry.is_object()) bad(fmt::format("entry {} is no object", name));
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.as_object()) {
        if (!value.is_string()) bad(fmt::format("__metadata__.{} is no string", key));
        metadata_.emplace_back(key, value.as_string());
      }
      continue;
    }
    const Json* offsets = entry.find("data_offsets");
    const Json* shape = entry.find("shape");
    const Json* dtype = entry.find("dtype");
    if (entry.as_object().size() != 3 || !offsets || !shape || !dtype || !dtype->is_string() || !shape->is_array() ||
        !offsets->is_array() || offsets->as_array().size() != 2)
      bad(fmt::format("tensor {}: expected exactly dtype, shape and two data_offsets", name));
    ranges.push_back({unsigned_at(*offsets, 0, name), unsigned_at(*offsets, 1, name), &name, &entry});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });

  uint64_t covered = 0;
  tensors_.reserve(ranges.size());
  for (const Range& r : ranges) {
    if (r.begin != covered || r.end < r.begin || r.end > data_bytes)
      bad(fmt::format("tensor {}: bytes {} to {} leave a hole, overlap or end outside the {} bytes of data", *r.name,
                      r.begin, r.end, data_bytes));
    TensorView t;
    t.name = *r.name;
    t.dtype = r.entry->get("dtype").as_string();
    const Json& shape = r.entry->get("shape");
    for (size_t i = 0; i < shape.as_array().size(); ++i)
      t.shape.push_back(static_cast<int64_t>(unsigned_at(shape, i, t.name)));
    const size_t element = dtype_bytes(t.dtype);
    if (!element) bad(fmt::format("tensor {}: unknown dtype {}", t.name, t.dtype));
    uint64_t bytes = 0;
    if (!checked_bytes(t.shape, element, bytes) || bytes != r.end - r.begin)
      bad(fmt::format("tensor {}: shape {} of {} does not match its {} bytes", t.name, shape_text(t.shape), t.dtype,
                      r.end - r.begin));
    t.data = data + r.begin;
    t.bytes = bytes;
    covered = r.end;
    tensors_.push_back(std::move(t));
  }
  if (covered != data_bytes) bad(fmt::format("{} bytes after the last tensor belong to none", data_bytes - covered));
  index_.reserve(tensors_.size());
  for (size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
} catch (const Error& error) {
  throw Error(Exit::checkpoint, fmt::format("{}: not a valid safetensors file: {}", path_, printable(error.what())));
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace selfsup::checkpoint
