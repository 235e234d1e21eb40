#include "exchange/torch_file.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/errors.h"
#include "base/mapping.h"
#include "base/text.h"
#include "base/utf8.h"
#include "checkpoint/safetensors.h"
#include "exchange/pickle.h"
#include "exchange/state_dict.h"
#include "exchange/zip.h"

namespace selfsup::exchange {
namespace {

constexpr std::string_view zip_mark = "PK\3\4";
constexpr uint64_t max_pickle = 1u << 30, max_packed_pickle = 1u << 28;  // the latter takes as much memory
// long(0x1950a86a20f9469cfc6c), what an older file begins with, as a pickle of protocol 2.
constexpr std::string_view old_mark("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);

bool pickle_mark(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
}

// The text may repeat what the file says.
[[noreturn]] void refuse_file(const std::string& path, const std::exception& error) {
  throw Error(Exit::checkpoint, fmt::format("{}: {}", path, shortened(printable(error.what()), 2000)));
}

// The bytes of each storage, by its key.
class Storages : public WeightsSource {
 public:
  Storages(const std::string& path, Mapping mapping) : path_(path), mapping_(std::move(mapping)) {}
  std::string_view file() const { return mapping_.bytes(); }
  virtual uint64_t bytes_of(const std::string& key) const = 0;  // Malformed when there is none

  // Parts are numbered as they are first needed.
  size_t part_of(const std::string& key) {
    const auto [found, is_new] = numbers_.emplace(key, keys_.size());
    if (is_new) keys_.push_back(key);
    return found->second;
  }

  const void* data(const WeightTensor& tensor) final try {
    contents_.resize(keys_.size());
    std::optional<std::string_view>& content = contents_[tensor.part];
    if (!content) content = read(keys_[tensor.part]);
    return content->data() + tensor.offset;
  } catch (const Malformed& error) {
    refuse_file(path_, error);
  }

 protected:
  virtual std::string_view read(const std::string& key) = 0;

 private:
  std::string path_;
  Mapping mapping_;
  std::unordered_map<std::string, size_t> numbers_;
  std::vector<std::string> keys_;
  std::vector<std::optional<std::string_view>> contents_;
};

// NAME/data.pkl, NAME/byteorder, and NAME/data/KEY for each storage.
class Archive final : public Storages {
 public:
  Archive(const std::string& path, Mapping mapping) : Storages(path, std::move(mapping)), zip_(file()) {
    constexpr std::string_view ending = "data.pkl";
    for (const auto& [name, entry] : zip_.entries())
      if (name.ends_with(ending) && name.find('/') == name.size() - ending.size() - 1) {
        if (!folder_.empty()) throw Malformed("it is several files of torch.save in one: it has two data.pkl");
        folder_ = name.substr(0, name.size() - ending.size());
      }
    if (folder_.empty()) throw Malformed("it is a ZIP archive, but none of torch.save: it has no data.pkl");
    if (zip_.find(folder_ + "constants.pkl"))
      throw Malformed("it is a TorchScript archive, which is a program; save its state_dict in Python");
    if (const Zip::Entry* order = zip_.find(folder_ + "byteorder")) {
      std::shared_ptr<const char[]> hold;
      if (order->size > 16 || zip_.read(*order, hold) != "little") throw Malformed("its numbers are not little-endian");
    }
  }

  std::string_view pickle() {
    const Zip::Entry& entry = *zip_.find(folder_ + "data.pkl");
    if (entry.size > (entry.deflated ? max_packed_pickle : max_pickle))
      throw Malformed(fmt::format("its data.pkl has {} bytes", entry.size));
    return zip_.read(entry, pickle_);
  }

  uint64_t bytes_of(const std::string& key) const override { return entry_of(key).size; }

 private:
  std::string_view read(const std::string& key) override { return zip_.read(entry_of(key), unpacked_.emplace_back()); }
  const Zip::Entry& entry_of(const std::string& key) const {
    const Zip::Entry* entry = zip_.find(fmt::format("{}data/{}", folder_, key));
    if (!entry) throw Malformed(fmt::format("the bytes of its storage {} are not in it", key));
    return *entry;
  }

  Zip zip_;
  std::string folder_;
  std::shared_ptr<const char[]> pickle_;
  std::vector<std::shared_ptr<const char[]>> unpacked_;
};

// Five pickles: a magic number, the protocol, the machine, the object, the keys of the storages; then, in the order of
// those, each storage's element count and its bytes.
class OldFile final : public Storages {
 public:
  OldFile(const std::string& path, Mapping mapping) : Storages(path, std::move(mapping)) {}

  std::string_view pickle() {
    size_t at = old_mark.size();
    const Pickle protocol(file().substr(at));
    at += protocol.size();
    const Pickle machine(file().substr(at));
    if (const auto& items = machine.root().items; machine.root().kind == Pickle::Kind::dict)
      for (size_t i = 0; i < items.size(); i += 2)
        if (machine.at(items[i]).text == "little_endian" && machine.at(items[i + 1]).number != 1)
          throw Malformed("its numbers are not little-endian");
    object_ = at + machine.size();
    return file().substr(object_, max_pickle);
  }

  // pickle: that of the object.
  void find_storages(const Pickle& pickle) {
    size_t at = object_ + pickle.size();
    const Pickle keys(file().substr(at, max_pickle));
    at += keys.size();
    std::unordered_map<std::string, uint64_t> elements;
    for (const PickledStorage& storage : pickle.storages())
      elements.emplace(storage.key, checkpoint::dtype_bytes(storage.dtype));
    if (keys.root().kind != Pickle::Kind::list) throw Malformed("the list of its storages is none");
    for (const Pickle::Id id : keys.root().items) {
      const std::string key(keys.at(id).text);
      const auto element = elements.find(key);
      if (element == elements.end() || element->second == 0)
        throw Malformed(fmt::format("its storage {} is of no type that is read here", key));
      int64_t count = 0;
      if (file().size() - at < sizeof count) throw Malformed("it ends before its storages do: it is cut off");
      std::memcpy(&count, file().data() + at, sizeof count);
      at += sizeof count;
      const uint64_t left = file().size() - at;
      if (count < 0 || static_cast<uint64_t>(count) > left / element->second)
        throw Malformed(fmt::format(
            "its storage {} claims {} elements, and {} bytes are left: it is cut off or damaged", key, count, left));
      const uint64_t bytes = static_cast<uint64_t>(count) * element->second;
      if (!places_.emplace(key, file().substr(at, bytes)).second)
        throw Malformed(fmt::format("it has two storages {}", key));
      at += bytes;
    }
  }

  uint64_t bytes_of(const std::string& key) const override { return place_of(key).size(); }

 private:
  std::string_view read(const std::string& key) override { return place_of(key); }
  std::string_view place_of(const std::string& key) const {
    const auto found = places_.find(key);
    if (found == places_.end()) throw Malformed(fmt::format("the bytes of its storage {} are not in it", key));
    return found->second;
  }

  size_t object_ = 0;
  std::unordered_map<std::string, std::string_view> places_;
};

// The tensor at its place, once that is known to lie within the storage.
WeightTensor placed(const std::string& name, const PickledTensor& tensor, const PickledStorage& storage,
                    Storages& storages) {
  const auto refuse = [&](const std::string& why) { throw Malformed(fmt::format("tensor {}: {}", name, why)); };
  const uint64_t element = checkpoint::dtype_bytes(tensor.dtype);
  if (element == 0) refuse("its dtype is not read here");
  const uint64_t stored = storages.bytes_of(storage.key) / element;
  const uint64_t unit = storage.dtype.empty() ? 1 : checkpoint::dtype_bytes(storage.dtype);
  if (storage.elements > UINT64_MAX / unit || storage.elements * unit != storages.bytes_of(storage.key))
    refuse(fmt::format("its storage {} should have {} elements and has {} bytes", storage.key, storage.elements,
                       storages.bytes_of(storage.key)));
  if (tensor.shape.size() != tensor.strides.size()) refuse("it has not as many strides as sizes");
  uint64_t elements = 1, last = static_cast<uint64_t>(tensor.offset);
  bool fits = tensor.offset >= 0;
  for (size_t i = 0; i < tensor.shape.size() && fits; ++i) {
    const auto size = static_cast<uint64_t>(tensor.shape[i]), stride = static_cast<uint64_t>(tensor.strides[i]);
    uint64_t reach = 0;
    fits = tensor.shape[i] >= 0 && tensor.strides[i] >= 0 && !__builtin_mul_overflow(elements, size, &elements) &&
           (size == 0 || !__builtin_mul_overflow(size - 1, stride, &reach)) &&
           !__builtin_add_overflow(last, reach, &last);
  }
  // One that repeats its elements has more of them than are stored.
  if (!fits || elements > stored || (elements > 0 && last >= stored))
    refuse(fmt::format("it reaches outside its storage of {} elements", stored));
  return {name,
          tensor.dtype,
          tensor.shape,
          tensor.strides,
          storages.part_of(storage.key),
          elements == 0 ? 0 : static_cast<uint64_t>(tensor.offset) * element};
}

Weights weights_of(const Pickle& pickle, std::unique_ptr<Storages> storages, const std::string& path) {
  NamedPlaces places = find_state_dict(pickle);
  Weights weights{path, {}, nullptr, std::move(places.ignored)};
  for (const auto& [name, index] : places.tensors) {
    const PickledTensor& tensor = pickle.tensors()[index];
    weights.tensors.push_back(placed(name, tensor, pickle.storages()[tensor.storage], *storages));
  }
  weights.source = std::move(storages);
  return weights;
}

}  // namespace

bool is_torch_file(const RegularFile& file) {
  char head[8] = {};
  const size_t have = file.read(0, head, sizeof head);
  const std::string_view bytes(head, have);
  uint64_t safetensors_header = 0;  // its length
  std::memcpy(&safetensors_header, head, sizeof head);
  return (bytes.starts_with(zip_mark) || pickle_mark(bytes)) && safetensors_header > file.size();
}

Weights open_torch_file(const RegularFile& file, const std::string& path) try {
  Mapping mapping(file);
  if (mapping.bytes().starts_with(zip_mark)) {
    auto archive = std::make_unique<Archive>(path, std::move(mapping));
    const Pickle pickle(archive->pickle());
    return weights_of(pickle, std::move(archive), path);
  }
  if (!mapping.bytes().starts_with(old_mark))
    throw Malformed("it is a pickle, but none of torch.save; convert it in Python");
  auto old = std::make_unique<OldFile>(path, std::move(mapping));
  const Pickle pickle(old->pickle());
  old->find_storages(pickle);
  return weights_of(pickle, std::move(old), path);
} catch (const Malformed& error) {
  refuse_file(path, error);
} catch (const FileError& error) {
  refuse_file(path, error);
}

}  // namespace selfsup::exchange
