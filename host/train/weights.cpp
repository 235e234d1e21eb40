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

// Whole columns and rows of a square; none: it is no square.
std::optional<int64_t> side_of(int64_t cells) {
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(cells))));
  return cells > 0 && side * side == cells ? std::optional(side) : std::nullopt;
}

// Tokens before the grid of two tables that differ in the grid's size: the fewest that leave two squares.
std::optional<int64_t> tokens_before(int64_t rows, int64_t other_rows) {
  for (int64_t tokens = 0; tokens < 3; ++tokens)
    if (side_of(rows - tokens) && side_of(other_rows - tokens)) return tokens;
  return std::nullopt;
}

// [1, N, D] of an embedding, of two lengths that can be carried over.
bool is_resized_table(const model::Entry& entry, const exchange::WeightTensor& found) {
  const at::IntArrayRef own = entry.tensor.sizes();
  return (entry.roles & model::role_embedding) && own.size() == 3 && found.shape.size() == 3 && own[0] == 1 &&
         found.shape[0] == 1 && own[2] == found.shape[2] && own[1] != found.shape[1] &&
         tokens_before(own[1], found.shape[1]).has_value();
}

at::Tensor interpolated(const at::Tensor& table, int64_t rows) {
  const int64_t tokens = *tokens_before(rows, table.size(1)), dim = table.size(2);
  const int64_t from = *side_of(table.size(1) - tokens), to = *side_of(rows - tokens);
  const at::Tensor grid =
      table.narrow(1, tokens, from * from).to(at::kFloat).reshape({1, from, from, dim}).permute({0, 3, 1, 2});
  const at::Tensor resized = at::upsample_bicubic2d(grid, {to, to}, /*align_corners=*/false);
  return at::cat({table.narrow(1, 0, tokens).to(at::kFloat), resized.permute({0, 2, 3, 1}).reshape({1, to * to, dim})},
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

LoadReport load_weights(model::ParameterStore& model, const exchange::Weights& weights,
                        const ExportNames& export_names) {
  std::vector<std::string> own, file;
  exchange::Format first{"safetensors", {}};
  for (const model::Entry& entry : model.entries()) {
    if (entry.transient) continue;
    own.push_back(entry.name);
    first.names.emplace_back(entry.name, entry.name);
  }
  std::vector<exchange::Format> formats = {std::move(first)};
  for (const char* format : exchange::known_formats) {
    exchange::NamePairs names = export_names(format);
    std::erase_if(names, [&](const auto& pair) { return model.find(pair.first)->transient; });
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
  std::vector<std::pair<model::Entry*, const exchange::WeightTensor*>> takes;
  int64_t have = 0, wanted = std::count_if(match.missing.begin(), match.missing.end(), counts);
  for (const auto& [name, index] : match.found) {
    model::Entry& entry = *model.find(name);
    const exchange::WeightTensor& found = weights.tensors[index];
    const bool resized = is_resized_table(entry, found);
    wanted += counts(name);
    if (!resized && entry.tensor.sizes() != at::IntArrayRef(found.shape)) {
      report.names.mismatched.push_back({{name, dtype_name(entry.tensor.scalar_type()), entry.tensor.sizes().vec()},
                                         {name, found.dtype, found.shape}});
      continue;
    }
    have += counts(name);
    report.names.matched.push_back(name);
    if (resized) (entry.kind == model::Kind::frozen ? report.made_anew : report.interpolated).push_back(name);
    if (!resized || entry.kind != model::Kind::frozen) takes.emplace_back(&entry, &found);
  }
  const bool too_few = static_cast<double>(have) < least_share * static_cast<double>(wanted);
  if (!report.names.mismatched.empty() || report.names.matched.empty() || too_few)
    throw Error(Exit::checkpoint, fmt::format("{} does not fit this model{}. {}", weights.path,
                                              too_few ? fmt::format(": {} of {} tensors match, and {:.0f} % are wanted",
                                                                    have, wanted, 100 * least_share)
                                                      : "",
                                              report.text()));

  const at::NoGradGuard no_grad;
  for (const auto& [entry, found] : takes) {
    at::Tensor values = tensor_of(*found, *weights.source);
    if (entry->tensor.sizes() != values.sizes()) values = interpolated(values, entry->tensor.size(1));
    entry->tensor.detach().copy_(values);
  }
  return report;
}

}  // namespace selfsup::train
