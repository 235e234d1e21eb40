#include "random_grayscale.hpp"

#include "backend.hpp"

using namespace ssp;

namespace {

// Weights as mmcv takes them: made to add up to 1; in the order B, G, R unless color_format says otherwise.
ssp_edit weighted(const Scope& scope) {
  std::vector<double> w = scope.get("channel_weights", std::vector<double>{1, 1, 1});
  const double sum = w[0] + w[1] + w[2];
  require(sum > 0, "`channel_weights`: at least one must be above 0");
  if (scope.get("color_format", "bgr") == "bgr") std::swap(w[0], w[2]);
  return edit::grey(w[0] / sum, w[1] / sum, w[2] / sum);
}

ssp_edit grey_of(const Scope& scope) {
  if (!scope.has("backend")) return weighted(scope);
  require(!scope.has("channel_weights"), "`backend` " + scope.get<std::string>("backend") +
                                             " has weights of its own; leave out `channel_weights`, or `backend`");
  return as(read_backend(scope), edit::grey());
}

}  // namespace

const char* RandomGrayscale::schema() {
  return R"({
  "type": "object",
  "description": "the grey of the image in all its channels; an image of one channel stays as it is",
  "properties": {
    "type": {"type": "string"},
    "prob": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.1, "description": "how often"},
    "channel_weights": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1000000}, "minItems": 3, "maxItems": 3, "description": "of the channels, in color_format's order; only their ratio counts. Absent: equal. The sum is truncated, as in MMSelfSup"},
    "color_format": {"type": "string", "enum": ["bgr", "rgb"], "default": "bgr", "description": "the order of channel_weights; the images are RGB"},
    "keep_channels": {"type": "boolean", "enum": [true], "default": true, "description": "the images of a batch have one number of channels; false is refused"},
    "backend": {"type": "string", "enum": ["pillow", "torchvision"], "description": "instead of channel_weights: the weights and the rounding of Pillow or torchvision"}
  }
})";
}

RandomGrayscale::RandomGrayscale(const Scope& scope) : prob_(scope.get("prob", 0.1)), grey_(grey_of(scope)) {}

void RandomGrayscale::apply(Sample& sample) const {
  for (uint32_t view = 0; view < sample.count(); ++view)
    if (sample.random(view).chance(prob_)) sample.edit(view, grey_);
}
