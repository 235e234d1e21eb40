// Owns the safetensors container: tensors as (name, dtype, shape, bytes), written in one pass, read by mapping the
// file. Knows no LibTorch and no meaning of a tensor. Format: github.com/huggingface/safetensors.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mapping.h"
#include "checkpoint/file.h"

namespace selfsup::checkpoint {

// A dense, row-major, little-endian tensor on the host. Borrowed: whoever made the view keeps the bytes alive.
struct TensorView {
  std::string name;
  std::string dtype;  // "F64" "F32" "F16" "BF16" "I64" "I32" "I16" "I8" "U64" "U32" "U16" "U8" "BOOL"
  std::vector<int64_t> shape;
  const void* data = nullptr;  // may be null when bytes is 0
  size_t bytes = 0;
};

// Bytes of one element; 0 for a dtype that is not in the list above.
size_t dtype_bytes(std::string_view dtype);

using Metadata = std::vector<std::pair<std::string, std::string>>;

// Lays out a file: wide elements first, else in the given order, so that every tensor is aligned to its element; the
// data start at a multiple of 64 bytes. Copies no tensor. A view whose bytes do not match its shape, an unknown dtype
// or a name that comes twice is Error(failed), since the caller is at fault.
class SafetensorsLayout {
 public:
  explicit SafetensorsLayout(const std::vector<TensorView>& tensors, const Metadata& metadata = {});
  uint64_t file_bytes() const { return file_bytes_; }
  void write(HashingFile& file) const;  // the tensors must still be alive. Error(storage)

 private:
  std::string head_;  // length word, JSON, padding
  std::vector<const TensorView*> order_;
  uint64_t file_bytes_ = 0;
};

// A file by itself, whole or not at all; one of that name is replaced. Error(storage).
void write_safetensors(const std::string& path, const std::vector<TensorView>& tensors, const Metadata& metadata = {});

// A file, mapped read-only and checked in full before anything is handed out: header at most 100 MB and strict JSON, no
// key twice, offsets that cover the data without hole or overlap, sizes equal to shape × dtype, no overflow. Anything
// else is Error(checkpoint) naming the file. The views point into the mapping and live as long as this object; a file
// written elsewhere may leave them unaligned. The file must not be shortened while it is mapped (reading past its end
// would end the process); to replace it, write another and rename. Const calls from any thread.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);  // follows links; Error(checkpoint) when it cannot be opened
  SafetensorsFile(const RegularFile& file, const std::string& path);  // may be closed after; path is for messages
  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  const std::string& path() const { return path_; }
  const std::vector<TensorView>& tensors() const { return tensors_; }  // in the order of their bytes
  const TensorView* find(std::string_view name) const;                 // null when absent
  const Metadata& metadata() const { return metadata_; }

 private:
  void map(const RegularFile& file);
  void parse();

  std::string path_;
  std::optional<Mapping> bytes_;
  size_t size_ = 0;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string_view, size_t> index_;  // keys live in tensors_
  Metadata metadata_;
};

}  // namespace selfsup::checkpoint
