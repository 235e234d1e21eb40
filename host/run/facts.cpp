#include "run/facts.h"

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

bridge::Facts stated_facts(const Json& tree) {
  bridge::Facts facts;
  facts.world = 1;
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

}  // namespace selfsup::run
