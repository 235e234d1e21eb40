#include "train/weights.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "base/utf8.h"
#include "model/roles.h"
#include "train/state_dict.h"

namespace selfsup::train {
namespace {

// A grid of so many cells with that ratio of its sides; none: there is none.
std::optional<Sides> grid_of(int64_t cells, const Sides& ratio) {
  const double exact =
      std::sqrt(static_cast<double>(cells) * static_cast<double>(ratio.height) / static_cast<double>(ratio.width));
  const int64_t height = cells > 0 ? std::llround(exact) : 0, width = height > 0 ? cells / height : 0;
  const bool fits = width > 0 && height * width == cells && height * ratio.width == width * ratio.height;
  return fits ? std::optional<Sides>({height, width}) : std::nullopt;
}

// What two tables of different lengths are: tokens, then a grid.
struct Tables {
  int64_t tokens = 0;
  Sides own, found;
};

// With the fewest tokens before them. The own grid has the images' ratio; that of a file, of images that nobody knows,
// is a square if it can be one.
std::optional<Tables> tables_of(int64_t own, int64_t found, const Sides& images) {
  for (int64_t tokens = 0; tokens < 3; ++tokens) {
    const auto mine = grid_of(own - tokens, images);
    auto theirs = grid_of(found - tokens, {1, 1});
    if (!theirs) theirs = grid_of(found - tokens, images);
    if (mine && theirs) return Tables{tokens, *mine, *theirs};
  }
  return std::nullopt;
}

// [1, N, D] of an embedding, of two lengths.
bool is_resized_table(const model::Entry& entry, const exchange::WeightTensor& found) {
  const at::IntArrayRef own = entry.tensor.sizes();
  return (entry.roles & model::role_embedding) && own.size() == 3 && found.shape.size() == 3 && own[0] == 1 &&
         found.shape[0] == 1 && own[2] == found.shape[2] && own[1] != found.shape[1];
}

at::Tensor interpolated(const at::Tensor& table, const Tables& sizes) {
  const auto& [tokens, to, from] = sizes;
  const int64_t dim = table.size(2);
  const at::Tensor grid = table.narrow(1, tokens, from.height * from.width)
                              .to(at::kFloat)
                              .reshape({1, from.height, from.width, dim})
                              .permute({0, 3, 1, 2});
  const at::Tensor resized = at::upsample_bicubic2d(grid, {to.height, to.width}, /*align_corners=*/false);
  return at::cat({table.narrow(1, 0, tokens).to(at::kFloat),
                  resized.permute({0, 2, 3, 1}).reshape({1, to.height * to.width, dim})},
                 1);
}

// Over the source's bytes where they are aligned.
at::Tensor tensor_of(const exchange::WeightTensor& found, exchange::WeightsSource& source) {
  const at::ScalarType type = dtype_named(found.dtype, found.name);
  const size_t element = c10::elementSize(type);
  int64_t reach = 1;  // elements from the first to the last
  for (size_t i = 0; i < found.shape.size(); ++i) {
    if (found.shape[i] == 0) return at::empty(found.shape, at::TensorOptions().dtype(type));
    reach += (found.shape[i] - 1) * found.strides[i];
  }
  const void* data = source.data(found);
  if (reinterpret_cast<uintptr_t>(data) % element == 0)
    return at::from_blob(const_cast<void*>(data), found.shape, found.strides, at::TensorOptions().dtype(type));
  const at::Tensor copy = at::empty({reach}, at::TensorOptions().dtype(type));
  std::memcpy(copy.mutable_data_ptr(), data, static_cast<size_t>(reach) * element);
  return copy.as_strided(found.shape, found.strides);
}

std::string component_name(const std::string& component) {
  return component.empty() ? "the algorithm's own" : component;
}

}  // namespace

std::string LoadReport::text() const {
  std::string how;
  if (!format.empty() && format != "safetensors") how += fmt::format(", by the names of {}", format);
  if (!prefix.empty()) how += fmt::format(", without \"{}\"", prefix);
  std::string rest;
  for (const auto& [component, count] : untouched)
    rest += fmt::format("{}{} ({})", rest.empty() ? "" : ", ", component_name(component), count);
  std::string text = names.text();
  std::string after;
  if (!rest.empty()) after += fmt::format("\n  not in the file, so as they were made: {}", rest);
  if (!made_anew.empty())
    after += fmt::format("\n  fixed tables of another image size, made for this one instead: {}",
                         fmt::join(made_anew, ", "));
  if (!interpolated.empty())
    after += fmt::format("\n  positions of another image size, interpolated: {}", fmt::join(interpolated, ", "));
  if (!ignored.empty()) after += fmt::format("\n  beside the weights, not looked at: {}", ignored);
  const size_t line = std::min(text.size(), text.find('\n'));
  return text.insert(line, how + after);
}

LoadReport load_weights(model::ParameterStore& model, const exchange::Weights& weights, const ExportNames& export_names,
                        const Sides& images, const std::string& component) {
  std::vector<std::string> own, file;
  exchange::Format first{"safetensors", {}};
  const auto wanted_here = [&](const model::Entry& entry) {
    return !entry.transient && (component.empty() || exchange::component_of(entry.name) == component);
  };
  for (const model::Entry& entry : model.entries()) {
    if (!wanted_here(entry)) continue;
    own.push_back(entry.name);
    first.names.emplace_back(entry.name, entry.name);
  }
  std::vector<exchange::Format> formats = {std::move(first)};
  for (const char* format : exchange::known_formats) {
    exchange::NamePairs names = export_names(format);
    std::erase_if(names, [&](const auto& pair) { return !wanted_here(*model.find(pair.first)); });
    formats.push_back({format, std::move(names)});
  }
  for (const exchange::WeightTensor& tensor : weights.tensors) file.push_back(tensor.name);
  const exchange::Match match = exchange::match_names(own, formats, file);

  LoadReport report;
  report.format = match.format;
  report.prefix = printable(match.prefix);
  report.ignored = weights.ignored;
  report.untouched = match.untouched;
  report.names.missing = match.missing;
  for (const size_t index : match.unexpected) report.names.unexpected.push_back(printable(file[index]));
  const auto counts = [&](const std::string& name) { return model.find(name)->tensor.is_floating_point(); };
  struct Take {
    model::Entry* entry;
    const exchange::WeightTensor* found;
    std::optional<Tables> resized;
  };
  std::vector<Take> takes;
  int64_t have = 0, wanted = std::count_if(match.missing.begin(), match.missing.end(), counts);
  for (const auto& [name, index] : match.found) {
    model::Entry& entry = *model.find(name);
    const exchange::WeightTensor& found = weights.tensors[index];
    const bool resized = is_resized_table(entry, found),
               fixed = resized && entry.kind == model::Kind::frozen && !entry.held;
    std::optional<Tables> tables;
    if (resized && !fixed) tables = tables_of(entry.tensor.size(1), found.shape[1], images);
    wanted += counts(name);
    if (!fixed && !tables && entry.tensor.sizes() != at::IntArrayRef(found.shape)) {
      report.names.mismatched.push_back({{name, dtype_name(entry.tensor.scalar_type()), entry.tensor.sizes().vec()},
                                         {name, found.dtype, found.shape}});
      continue;
    }
    have += counts(name);
    report.names.matched.push_back(name);
    if (fixed) report.made_anew.push_back(name);
    if (tables)
      report.interpolated.push_back(fmt::format("{} ({} x {} to {} x {})", name, tables->found.height,
                                                tables->found.width, tables->own.height, tables->own.width));
    if (!fixed) takes.push_back({&entry, &found, tables});
  }
  const bool too_few = static_cast<double>(have) < least_share * static_cast<double>(wanted);
  if (!report.names.mismatched.empty() || report.names.matched.empty() || too_few)
    throw Error(Exit::checkpoint, fmt::format("{} does not fit this model{}. {}", weights.path,
                                              too_few ? fmt::format(": {} of {} tensors match, and {:.0f} % are wanted",
                                                                    have, wanted, 100 * least_share)
                                                      : "",
                                              report.text()));

  const at::NoGradGuard no_grad;
  for (const auto& [entry, found, resized] : takes) {
    at::Tensor values = tensor_of(*found, *weights.source);
    if (resized) values = interpolated(values, *resized);
    entry->tensor.detach().copy_(values);
  }
  return report;
}

}  // namespace selfsup::train
