#include "evaluate/neighbours.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <list>

#include "evaluate/knn.h"

namespace selfsup::evaluate {
namespace {

constexpr int64_t kRows = 8, kNeighbours = 7;
constexpr int kSide = 128;
constexpr Color kRight{45, 164, 78}, kWrong{207, 34, 46};

// One of each class before a second of any; of many classes some, spread over them. The first ones, not chosen ones.
std::vector<int64_t> spread_over_classes(const at::Tensor& labels, int64_t classes) {
  const int64_t shown = std::min(kRows, classes);
  std::vector<std::vector<int64_t>> of_class(static_cast<size_t>(shown));
  const int64_t* label = labels.const_data_ptr<int64_t>();
  std::vector<int64_t> place(static_cast<size_t>(classes), -1);
  for (int64_t i = 0; i < shown; ++i) place[static_cast<size_t>(i * classes / shown)] = i;
  for (int64_t row = 0; row < labels.size(0); ++row)
    if (const int64_t at = place[static_cast<size_t>(label[row])]; at >= 0)
      of_class[static_cast<size_t>(at)].push_back(row);
  std::vector<int64_t> rows;
  for (size_t turn = 0; static_cast<int64_t>(rows.size()) < kRows; ++turn) {
    const size_t before = rows.size();
    for (const auto& some : of_class)
      if (turn < some.size() && static_cast<int64_t>(rows.size()) < kRows) rows.push_back(some[turn]);
    if (rows.size() == before) break;
  }
  std::ranges::stable_sort(rows, {}, [&](int64_t row) { return label[row]; });
  return rows;
}

data::Image image_of(const LabelledImages& images, int64_t row) {
  data::Image image;
  image.reshape(images.pixels.size(1), images.pixels.size(2), static_cast<int>(images.pixels.size(3)));
  std::copy_n(images.pixels[row].const_data_ptr<uint8_t>(), image.pixels.size(), image.pixels.data());
  return reduced(image, static_cast<double>(kSide) / std::max(image.height, image.width));
}

int64_t label_of(const LabelledImages& images, int64_t row) { return images.labels.const_data_ptr<int64_t>()[row]; }

}  // namespace

Neighbours find_neighbours(const at::Tensor& bank, const at::Tensor& queries, const at::Tensor& query_labels,
                           int64_t classes) {
  Neighbours found{spread_over_classes(query_labels.contiguous(), classes), {}};
  if (found.queries.empty()) return found;
  const at::Tensor rows = at::tensor(at::ArrayRef<int64_t>(found.queries), at::kLong).to(queries.device());
  // The labels of the bank decide nothing about which are near.
  const at::Tensor none = at::zeros({bank.size(0)}, bank.options().dtype(at::kLong));
  const at::Tensor nearest = knn(bank, none, queries.index_select(0, rows), 1, kNeighbours, 1).neighbours.cpu();
  for (int64_t row = 0; row < nearest.size(0); ++row) {
    const int64_t* first = nearest.const_data_ptr<int64_t>() + row * nearest.size(1);
    found.nearest.emplace_back(first, first + nearest.size(1));
  }
  return found;
}

Picture neighbours_sheet(const Neighbours& found, const LabelledImages& bank, const LabelledImages& queries,
                         const std::vector<std::string>& names) {
  Sheet sheet;
  sheet.side = kSide;
  sheet.columns.push_back({"query"});
  const auto name_of = [&](int64_t label) {
    return label < static_cast<int64_t>(names.size()) ? names[static_cast<size_t>(label)] : "";
  };
  std::list<data::Image> images;  // which the cells borrow
  for (size_t i = 0; i < found.queries.size(); ++i) {
    const int64_t label = label_of(queries, found.queries[i]);
    sheet.rows.push_back({{view_of(images.emplace_back(image_of(queries, found.queries[i]))), name_of(label)}});
    for (const int64_t row : found.nearest[i]) {
      const int64_t its = label_of(bank, row);
      sheet.rows.back().push_back({view_of(images.emplace_back(image_of(bank, row))), its == label ? "" : name_of(its),
                                   its == label ? kRight : kWrong});
    }
  }
  if (!found.nearest.empty())
    for (size_t i = 0; i < found.nearest.front().size(); ++i)
      sheet.columns.push_back({i == 0 ? "nearest" : std::to_string(i + 1) + ".", i == 0});
  return compose(sheet);
}

std::string neighbours_caption(const Neighbours& found, const LabelledImages& bank, const LabelledImages& queries) {
  size_t right = 0, all = 0;
  for (size_t i = 0; i < found.queries.size(); ++i)
    for (const int64_t row : found.nearest[i])
      right += label_of(bank, row) == label_of(queries, found.queries[i]), ++all;
  return fmt::format("{} of the {} neighbours shown have their query's label: green frames", right, all);
}

}  // namespace selfsup::evaluate
