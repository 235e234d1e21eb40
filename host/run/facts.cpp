#include "run/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/text.h"
#include "base/type_name.h"
#include "config/schema.h"
#include "data/datasets/dataset.h"
#include "data/transforms/pipeline.h"

namespace selfsup::run {
namespace {

std::optional<int64_t> positive(const Json* value) {
  if (value && value->is_int() && value->as_int() > 0) return value->as_int();
  return std::nullopt;
}

// The built-in steps of a pipeline, also of those in them: what changes sizes. Plugins' steps have not been checked
// yet, and are taken not to.
Json built_in_steps(const Json& list) {
  Json kept = Json::array();
  for (const Json& step : list.as_array()) {
    if (step.is_array()) {  // a pipeline among those of MultiView
      kept.as_array().push_back(built_in_steps(step));
      continue;
    }
    const Json* type = step.is_object() ? step.find("type") : nullptr;
    if (!type || !type->is_string()) continue;
    const TypeName name = split_type(type->as_string());
    if ((!name.owner.empty() && name.owner != kBuiltIn) || !data::transform_types().find(name.name)) continue;
    Json copy = step;
    if (Json* inner = copy.find("transforms"); inner && inner->is_array()) *inner = built_in_steps(*inner);
    kept.as_array().push_back(std::move(copy));
  }
  return kept;
}

// What a stated pipeline makes of images of that shape (height 0: of any); empty where it depends on more than is
// known, or is not valid, which will be said when it is checked.
std::vector<data::ImageShape> stated_views(const Json& pipeline, const data::ImageShape& images) {
  static const Json schema = config::parse_schema(
      R"({"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}})", "pipeline");
  const config::ComponentSchemas built_in{[](std::string_view, std::string_view type) -> const Json* {
                                            const auto* found = data::transform_types().find(split_type(type).name);
                                            return found ? &found->schema : nullptr;
                                          },
                                          [](std::string_view) { return data::transform_types().names(); }};
  Json steps = built_in_steps(pipeline);
  if (!config::validate(steps, schema, "", built_in).empty()) return {};
  std::vector<data::ImageShape> views;
  try {
    for (const data::Extent& view :
         data::Pipeline(steps).extents(images.height > 0 ? data::extent_of(images) : data::Extent())) {
      if (!view.known()) return {};
      views.push_back(view.shape());
    }
  } catch (const std::exception&) {
    return {};
  }
  return views;
}

void set_views(bridge::Facts& facts, const std::vector<data::ImageShape>& views) {
  facts.views = static_cast<int64_t>(views.size());
  for (const data::ImageShape& each : views) facts.view_sizes.insert(facts.view_sizes.end(), {each.height, each.width});
  const data::ImageShape& first = views.front();
  facts.image_size = std::nullopt;
  if (first.height == first.width) facts.image_size = first.height;
}

}  // namespace

bridge::Facts stated_facts(const Json& tree, const launch::Ranks& ranks) {
  bridge::Facts facts;
  facts.world = ranks.world;
  facts.rank = ranks.rank;
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
  const Json* pipeline = dataset->find("pipeline");
  if (!pipeline) pipeline = tree.at_path("train_dataloader.pipeline");
  if (!pipeline || !pipeline->is_array()) return facts;
  if (const auto views = stated_views(*pipeline, shape); !views.empty()) set_views(facts, views);
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

int64_t parse_length(const Json& length, const std::string& source) {
  constexpr int64_t most = 4'000'000'000;  // so that the batches of 10^9 epochs stay within 64 bits
  if (!length.is_int() || length.as_int() < 1 || length.as_int() > most)
    throw Error(Exit::checkpoint, fmt::format("{}: {}: expected 1 to {}, found {}", source, length_key, most,
                                              shortened(to_text(length), 60)));
  return length.as_int();
}

train::Length length_of(const config::RunConfig& config, int64_t epoch_iters) {
  const int64_t max_iters = config.length.max_iters.value_or(0);
  return {.by_epoch = config.length.by_epoch,
          .max_iters = max_iters,
          .max_epochs = config.length.max_epochs.value_or((max_iters + epoch_iters - 1) / epoch_iters),
          .accumulative_counts = config.accumulative_counts};
}

bridge::Facts known_facts(const config::RunConfig& config, const SeenData& data, const train::Course& course,
                          const launch::Ranks& ranks) {
  const bridge::Step step = course.step();
  bridge::Facts facts;
  facts.dataset_length = data.length;
  facts.batch_size = config.data.batch_size;
  facts.global_batch = config.data.batch_size * ranks.world;
  facts.micros = config.accumulative_counts;
  facts.drop_last = config.data.drop_last;
  facts.epoch_iters = course.epoch_iters();
  facts.max_iters = course.max_iters();
  facts.max_updates = static_cast<int64_t>(step.max_updates);
  if (config.length.by_epoch) facts.max_epochs = course.length().max_epochs;
  facts.world = ranks.world;
  facts.rank = ranks.rank;
  set_views(facts, data.views);
  facts.channels = data.views.front().channels;
  return facts;
}

}  // namespace selfsup::run
