#include "simclr.hpp"

using namespace ssp;

namespace {

LayerInfo main_layer(const Backbone& backbone, const Scope& scope) {
  const auto sizes = scope.fact<std::vector<int64_t>>("view_sizes");
  if (sizes && sizes->size() >= 2) return backbone.main_layer((*sizes)[0], (*sizes)[1]);
  const int64_t side = scope.fact("image_size").value_or(224);
  return backbone.main_layer(side, side);
}

void check_views(const Scope& scope) {
  const int64_t views = scope.fact("views").value_or(2);
  require(views == 2, "the pipeline gives " + std::to_string(views) + (views == 1 ? " view" : " views") +
                          " of an image, but two are compared here: give it (`train_dataloader.dataset.pipeline`) a "
                          "MultiView with \"num_views\": 2");
  const auto sizes = scope.fact<std::vector<int64_t>>("view_sizes");
  if (!sizes || sizes->size() != 4) return;
  const auto side = [&](size_t i) { return std::to_string((*sizes)[i]); };
  require(
      (*sizes)[0] == (*sizes)[2] && (*sizes)[1] == (*sizes)[3],
      "the two views of an image must be of one size, but the pipeline (`train_dataloader.dataset.pipeline`) gives " +
          side(0) + " x " + side(1) + " and " + side(2) + " x " + side(3) + " pixels");
}

// An image alone has no other one to differ from: the loss is 0 and teaches nothing.
void check_batches(const Scope& scope) {
  const int64_t batch = scope.fact("batch_size").value_or(2), world = scope.fact("world").value_or(1);
  require(batch * world > 1,
          "`train_dataloader.batch_size` is 1: an image is told from the others of its batch, so it needs at least 2");
  require(scope.fact("dataset_length").value_or(2) > 1,
          "the data set has 1 image: it is to be told from others, so it needs at least 2");
  const auto images = scope.fact("dataset_length"), steps = scope.fact("epoch_iters"), length = scope.fact("max_iters");
  if (!images || world > 1 || scope.fact<bool>("drop_last").value_or(false)) return;
  if (length && steps && *length < *steps) return;  // the run ends before the last batch of an epoch
  require(*images % batch != 1,
          "the last batch of an epoch has 1 image (" + std::to_string(*images) + " images in batches of " +
              std::to_string(batch) +
              "), with no other one to be told from: set `train_dataloader.drop_last` to true, or "
              "another `train_dataloader.batch_size`");
}

}  // namespace

SimClr::SimClr(const Scope& scope)
    : backbone_(scope.child("backbone")), main_(main_layer(backbone_, scope)), neck_(scope, main_), head_(scope) {
  check_views(scope);
  check_batches(scope);
  for (const NamedParameter& p : scope.list("", SSP_PARAM | SSP_PARAM_FROZEN | SSP_BUFFER))
    tensor_names_.push_back(p.name);
}

Outputs SimClr::training_step(const Batch& batch, const Call& call) const {
  const Call both = call.rows({0, 1}, "views");
  const Tensor images = cat({batch.view(0), batch.view(1)}, 0);
  const Head::Result result = head_(neck_(backbone_(images, both), both), call);
  return {{"loss", result.loss}, {"top1", result.top1, SSP_EMIT_METRIC}};
}

Outputs SimClr::features(const Tensor& images, const Call& call, const Names& layers) const {
  const Tensor layer = backbone_(images, call);
  Outputs out;
  for (const std::string& name : layers.among({"backbone", "neck"}))
    out.push_back({name, (name == "neck" ? neck_(layer, call) : pooled(layer, main_)).to(f32)});
  return out;
}

NamePairs SimClr::names(std::string_view format) const {
  NamePairs pairs;
  if (format != "mmselfsup") return pairs;
  for (const std::string& own : tensor_names_) pairs.emplace_back(own, own);
  return pairs;
}
