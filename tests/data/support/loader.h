// What the loader's tests share: batches as bytes.
#pragma once
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "data/loader/loader.h"
#include "data/support/support.h"

namespace selfsup::data::test {

inline std::string content(const Batch& batch) {
  std::string all = std::to_string(batch.epoch) + "/" + std::to_string(batch.index) + "/" + std::to_string(batch.size);
  for (const BatchView& view : batch.views) {
    CHECK(view.count == batch.size);
    all += "|" + std::to_string(view.height) + "x" + std::to_string(view.width) + "x" + std::to_string(view.channels);
    all.append(reinterpret_cast<const char*>(view.pixels.get()),
               static_cast<size_t>(view.count * view.height * view.width * view.channels));
  }
  for (const BatchField& field : batch.fields) {
    size_t bytes = size_of(field.type);
    for (int64_t s : field.sizes) bytes *= static_cast<size_t>(s);
    all += "|" + field.name + std::to_string(field.view);
    all.append(reinterpret_cast<const char*>(field.data.get()), bytes);
  }
  for (int64_t i : batch.sample_index) all += "," + std::to_string(i);
  for (int64_t i : batch.labels) all += ";" + std::to_string(i);
  return all;
}

inline std::vector<std::string> epoch_of(Loader& loader, uint64_t epoch, int64_t first = 0) {
  std::vector<std::string> all;
  Batch batch;
  loader.start(epoch, first);
  while (loader.next(batch)) {
    CHECK(batch.epoch == epoch);
    CHECK(batch.index == first + static_cast<int64_t>(all.size()));
    all.push_back(content(batch));
  }
  return all;
}

}  // namespace selfsup::data::test
