#include "evaluate/reconstruction.h"

#include <ATen/ATen.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "evaluate/samples.h"

namespace selfsup::evaluate {
namespace {

constexpr int64_t kSamples = 8;

// A name as a plugin gives it, for people.
std::string words(std::string name) {
  std::ranges::replace(name, '_', ' ');
  for (size_t at = name.find('+'); at != name.npos; at = name.find('+', at + 3)) name.replace(at, 1, " + ");
  return name;
}

}  // namespace

std::optional<Captioned> draw_reconstruction(bridge::Algorithm& algorithm, const input::Preprocessor& preprocess,
                                             const data::Dataset& dataset, const data::Pipeline& pipeline,
                                             uint64_t seed, const bridge::Step& at) {
  if (!algorithm.can_reconstruct()) return std::nullopt;
  const data::Batch batch = spread_batch(dataset, pipeline, kSamples, seed, at.epoch);
  if (batch.size == 0) return std::nullopt;
  Sheet sheet;
  sheet.rows.resize(static_cast<size_t>(batch.size));
  std::vector<std::string> names;
  std::vector<at::Tensor> columns;  // keeps the pixels that the cells borrow
  for (const bridge::NamedTensor& column : algorithm.reconstruct(at, preprocess.prepare(batch))) {
    columns.push_back(preprocess.denormalise(column.value).contiguous());
    const at::Tensor& bytes = columns.back();
    names.push_back(words(column.name));
    sheet.columns.push_back({names.back()});
    const int height = static_cast<int>(bytes.size(1)), width = static_cast<int>(bytes.size(2)),
              channels = static_cast<int>(bytes.size(3));
    const auto* first = bytes.const_data_ptr<uint8_t>();
    for (size_t row = 0; row < sheet.rows.size(); ++row)
      sheet.rows[row].push_back(
          {{width, height, channels, first + row * static_cast<size_t>(height * width * channels)}});
  }
  if (columns.empty()) return std::nullopt;
  return Captioned{compose(sheet), fmt::format("reconstruction: {}", fmt::join(names, ", "))};
}

}  // namespace selfsup::evaluate
