#include "random_gaussian_blur.hpp"

using namespace ssp;

namespace {

int read_kernel_size(const Scope& scope) {
  const bool torchvision = read_backend(scope) == Backend::torchvision;
  require(torchvision == scope.has("kernel_size"),
          torchvision ? "`backend` torchvision blurs with a kernel of a given size: add `kernel_size`, for instance a "
                        "tenth of the image's side"
                      : "`kernel_size` is for `backend` torchvision; Pillow's blur has none");
  if (!torchvision) return 0;
  const int64_t size = scope.get<int64_t>("kernel_size"), side = scope.fact("image_size").value_or(size);
  require(size % 2 == 1, "`kernel_size` is " + std::to_string(size) + "; it must be odd");
  require(size < 2 * side, "`kernel_size` is " + std::to_string(size) + "; on images of " + std::to_string(side) +
                               " x " + std::to_string(side) + " pixels it may be " + std::to_string(2 * side - 1) +
                               " at most, twice the side less one");
  return static_cast<int>(size);
}

}  // namespace

const char* RandomGaussianBlur::schema() {
  return R"({
  "type": "object",
  "description": "Gaussian blur of a random width",
  "properties": {
    "type": {"type": "string"},
    "sigma_min": {"type": "number", "minimum": 0.001, "maximum": 1000, "description": "smallest deviation, in pixels"},
    "sigma_max": {"type": "number", "minimum": 0.001, "maximum": 1000, "description": "largest; uniform in between"},
    "prob": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "description": "how often"},
    "backend": {"type": "string", "enum": ["pillow", "torchvision"], "default": "pillow", "description": "Pillow's three passes of a box filter, or a kernel as torchvision's"},
    "kernel_size": {"type": "integer", "minimum": 1, "maximum": 9999, "description": "of torchvision's, in pixels, odd"}
  },
  "required": ["sigma_min", "sigma_max"]
})";
}

RandomGaussianBlur::RandomGaussianBlur(const Scope& scope)
    : sigma_min_(scope.get<double>("sigma_min")),
      sigma_max_(scope.get<double>("sigma_max")),
      prob_(scope.get("prob", 0.5)),
      kernel_size_(read_kernel_size(scope)) {
  require(sigma_min_ <= sigma_max_, "`sigma_min` must not be above `sigma_max`");
}

void RandomGaussianBlur::apply(Sample& sample) const {
  for (uint32_t view = 0; view < sample.count(); ++view) {
    Random random = sample.random(view);
    if (!random.chance(prob_)) continue;
    const double sigma = random.uniform(sigma_min_, sigma_max_);
    sample.edit(view, kernel_size_ > 0 ? edit::torchvision_blur(sigma, kernel_size_) : edit::blur(sigma));
  }
}
