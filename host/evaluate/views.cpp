#include "evaluate/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>

#include "base/errors.h"
#include "evaluate/picture.h"
#include "evaluate/samples.h"

namespace selfsup::evaluate {
namespace {

constexpr int64_t kSamples = 8;
constexpr size_t kColumns = 8;  // beside the image itself
constexpr int kSide = 144;

Sheet sheet_for(size_t views, size_t epochs) {
  Sheet sheet;
  sheet.side = kSide;
  sheet.columns.push_back({"image"});
  for (size_t epoch = 0; epoch < epochs; ++epoch)
    for (size_t view = 0; view < views; ++view)
      sheet.columns.push_back({views == 1    ? fmt::format("epoch {}", epoch + 1)
                               : epochs == 1 ? fmt::format("view {}", view + 1)
                                             : fmt::format("epoch {}, view {}", epoch + 1, view + 1),
                               view == 0 && (views > 1 || epoch == 0)});
  return sheet;
}

}  // namespace

Picture draw_views(const data::Dataset& dataset, const data::Pipeline& pipeline,
                   const std::vector<data::ImageShape>& shapes, uint64_t seed) {
  int longest = 1;
  for (const data::ImageShape& shape : shapes) longest = std::max({longest, shape.height, shape.width});
  const double scale = static_cast<double>(kSide) / longest;  // of views; what is smaller is enlarged with the sheet
  const size_t views = std::min(shapes.size(), kColumns), epochs = std::max<size_t>(1, kColumns / shapes.size());

  Sheet sheet = sheet_for(views, epochs);
  std::list<data::Image> images;  // which the cells borrow
  const auto add = [&](const data::Image& image, double times) {
    sheet.rows.back().push_back({view_of(images.emplace_back(reduced(image, times)))});
  };
  for_spread_samples(dataset, pipeline, kSamples, seed, 0, [&](data::Sample sample) {
    sheet.rows.emplace_back();
    const data::Image whole = dataset.load(sample.index);
    add(whole, static_cast<double>(std::min(longest, kSide)) / std::max(whole.height, whole.width));
    for (size_t epoch = 0; epoch < epochs; ++epoch) try {
        if (epoch > 0) sample = sample_of(dataset, pipeline, sample.index, seed, epoch);
        for (size_t view = 0; view < std::min(views, sample.views.size()); ++view)
          add(sample.views[view].image(), scale);
      } catch (const data::BadImage&) {
        break;  // of chance: the epoch before could use it
      }
  });
  if (sheet.rows.empty())
    throw Error(Exit::data, "no image of the data set can be used, so there are no views to show");
  return compose(sheet);
}

}  // namespace selfsup::evaluate
