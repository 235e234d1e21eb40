#include "run/facts.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "data/datasets/dataset.h"

namespace selfsup::run {
namespace {

std::optional<int64_t> positive(const Json* value) {
  if (value && value->is_int() && value->as_int() > 0) return value->as_int();
  return std::nullopt;
}

// The last step that says how large an image becomes.
std::optional<int64_t> size_after(const Json* pipeline) {
  std::optional<int64_t> size;
  if (!pipeline || !pipeline->is_array()) return size;
  for (const Json& step : pipeline->as_array()) {
    if (!step.is_object()) continue;
    for (const char* key : {"size", "crop_size", "scale"}) {
      if (const auto side = positive(step.find(key))) size = side;
    }
    if (const Json* inner = step.find("transforms"); inner && inner->is_array()) {
      const Json* nested = inner;
      if (!inner->as_array().empty() && inner->as_array().front().is_array()) nested = &inner->as_array().front();
      if (const auto side = size_after(nested)) size = side;
    }
  }
  return size;
}

}  // namespace

bridge::Facts stated_facts(const Json& tree, const distributed::Group& group) {
  bridge::Facts facts;
  facts.world = group.world();
  facts.rank = group.rank();
  facts.batch_size = positive(tree.at_path("train_dataloader.batch_size"));
  facts.max_epochs = positive(tree.at_path("train_cfg.max_epochs"));
  facts.max_iters = positive(tree.at_path("train_cfg.max_iters"));
  if (const auto micros = positive(tree.at_path("optim_wrapper.accumulative_counts"))) facts.micros = micros;
  if (facts.batch_size) facts.global_batch = *facts.batch_size * *facts.world;
  const Json* dataset = tree.at_path("train_dataloader.dataset");
  if (!dataset || !dataset->is_object()) return facts;
  const data::ImageShape shape = data::stated_shape(*dataset);
  if (shape.height > 0 && shape.height == shape.width) facts.image_size = shape.height;
  if (shape.channels > 0) facts.channels = shape.channels;
  for (const Json* pipeline : {tree.at_path("train_dataloader.pipeline"), dataset->find("pipeline")})
    if (const auto side = size_after(pipeline)) facts.image_size = side;
  return facts;
}

Json views_json(const std::vector<data::ImageShape>& views) {
  Json::Array all;
  for (const data::ImageShape& view : views) all.push_back(Json(Json::Array{view.height, view.width, view.channels}));
  return Json(std::move(all));
}

std::vector<data::ImageShape> parse_views(const Json& views, const std::string& source) try {
  std::vector<data::ImageShape> shapes;
  for (const Json& view : views.as_array()) {
    std::vector<int> sizes;
    for (const Json& size : view.as_array())
      if (size.as_int() > 0 && size.as_int() <= data::kMaxImageSide) sizes.push_back(static_cast<int>(size.as_int()));
    if (sizes.size() != 3 || view.as_array().size() != 3) throw Error(Exit::checkpoint, "");
    shapes.push_back({sizes[0], sizes[1], sizes[2]});
  }
  if (shapes.empty()) throw Error(Exit::checkpoint, "");
  return shapes;
} catch (const Error&) {
  throw Error(Exit::checkpoint,
              fmt::format("{}: expected views of [height, width, channels], found {}", source, to_text(views)));
}

train::Length length_of(const config::RunConfig& config, int64_t epoch_iters) {
  const int64_t max_iters = config.length.max_iters.value_or(0);
  return {.by_epoch = config.length.by_epoch,
          .max_iters = max_iters,
          .max_epochs = config.length.max_epochs.value_or((max_iters + epoch_iters - 1) / epoch_iters),
          .accumulative_counts = config.accumulative_counts};
}

bridge::Facts known_facts(const config::RunConfig& config, const SeenData& data, const train::Course& course,
                          const distributed::Group& group) {
  const bridge::Step step = course.step();
  const data::ImageShape& view = data.views.front();
  bridge::Facts facts;
  facts.dataset_length = data.length;
  facts.batch_size = config.data.batch_size;
  facts.global_batch = config.data.batch_size * group.world();
  facts.micros = config.accumulative_counts;
  facts.drop_last = config.data.drop_last;
  facts.epoch_iters = course.epoch_iters();
  facts.max_iters = course.max_iters();
  facts.max_updates = static_cast<int64_t>(step.max_updates);
  if (config.length.by_epoch) facts.max_epochs = course.length().max_epochs;
  facts.world = group.world();
  facts.rank = group.rank();
  facts.views = static_cast<int64_t>(data.views.size());
  for (const data::ImageShape& each : data.views)
    facts.view_sizes.insert(facts.view_sizes.end(), {each.height, each.width});
  if (view.height == view.width) facts.image_size = view.height;
  facts.channels = view.channels;
  return facts;
}

}  // namespace selfsup::run
