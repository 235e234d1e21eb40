#include "color_jitter.hpp"

#include <algorithm>

using namespace ssp;

namespace {

struct Range {
  double low, high;
};

// A number x stands for [centre - x, centre + x]; factors, whose centre is 1, end at 0.
Range read_range(const Scope& scope, const char* key, double centre) {
  if (!scope.is_list(key)) {
    const double x = scope.get(key, 0.0), low = centre - x;
    return {centre > 0 ? std::max(0.0, low) : low, centre + x};
  }
  const auto pair = scope.get<std::vector<double>>(key);
  require(pair[0] <= pair[1], "`" + std::string(key) + "`: the lower number comes first");
  return {pair[0], pair[1]};
}

}  // namespace

const char* ColorJitter::schema() {
  return R"({
  "type": "object",
  "description": "brightness, contrast, saturation and hue, each changed by a random amount, in a new order each time",
  "properties": {
    "type": {"type": "string"},
    "brightness": {"type": ["number", "array"], "minimum": 0, "maximum": 1000, "items": {"type": "number", "minimum": 0, "maximum": 1000}, "minItems": 2, "maxItems": 2, "default": 0, "description": "x: a factor from max(0, 1 - x) to 1 + x; or [low, high]"},
    "contrast": {"type": ["number", "array"], "minimum": 0, "maximum": 1000, "items": {"type": "number", "minimum": 0, "maximum": 1000}, "minItems": 2, "maxItems": 2, "default": 0, "description": "likewise"},
    "saturation": {"type": ["number", "array"], "minimum": 0, "maximum": 1000, "items": {"type": "number", "minimum": 0, "maximum": 1000}, "minItems": 2, "maxItems": 2, "default": 0, "description": "likewise; images of one channel have none, and stay as they are"},
    "hue": {"type": ["number", "array"], "minimum": 0, "maximum": 0.5, "items": {"type": "number", "minimum": -0.5, "maximum": 0.5}, "minItems": 2, "maxItems": 2, "default": 0, "description": "x: a shift from -x to x turns; or [low, high]. Images of one channel have none, and stay as they are"},
    "backend": {"type": "string", "enum": ["pillow", "torchvision"], "default": "pillow", "description": "whose arithmetic is followed"}
  }
})";
}

ColorJitter::ColorJitter(const Scope& scope) : backend_(read_backend(scope)) {
  const auto add = [&](const char* key, double centre, ssp_edit (*edit)(double)) {
    const Range range = read_range(scope, key, centre);
    if (range.low != centre || range.high != centre) changes_.push_back({edit, range.low, range.high});
  };
  add("brightness", 1, edit::brightness);
  add("contrast", 1, edit::contrast);
  add("saturation", 1, edit::saturation);
  add("hue", 0, edit::hue);
}

void ColorJitter::apply(Sample& sample) const {
  std::vector<ssp_edit> jitter;
  for (uint32_t view = 0; view < sample.count(); ++view) {
    Random random = sample.random(view);
    jitter.clear();
    for (const Change& change : changes_)
      jitter.push_back(as(backend_, change.edit(random.uniform(change.low, change.high))));
    random.shuffle(jitter);
    sample.edit(view, jitter);
  }
}
