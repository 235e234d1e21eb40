// A list of transforms built from its specification. Knows the built-in transforms through their registry only.
#pragma once
#include <utility>
#include <vector>

#include "data/transforms/transform.h"

namespace selfsup::data {

// Immutable once built; apply may run in several threads at once.
class Pipeline {
 public:
  Pipeline() = default;  // empty: images pass unchanged
  // spec: a resolved array of {"type": …, …}. Types that are not built in are asked of `factory`; one that nobody knows
  // is an Error(usage).
  explicit Pipeline(const Json& spec, const TransformFactory& factory = {});

  // Leaves no edit undrawn.
  void apply(Sample& sample, SampleRandom& random) const;
  // Leaves files that are not decoded and edits that are not drawn: BatchBuilder does that.
  void plan(Sample& sample, SampleRandom& random) const { run(steps_, sample, random); }

  // Shapes of the views that an image leaves: a trial run. BadImage when a transform cannot use it. source: opened, or
  // with pixels; of a file no more is read than a transform asks for.
  std::vector<ImageShape> output_shapes(ImageSource source) const;
  std::vector<ImageShape> output_shapes(Image image) const { return output_shapes(ImageSource(std::move(image))); }
  // Sizes of the views that images of that size leave, by the rules alone. BadImage as there.
  std::vector<Extent> extents(const Extent& images) const { return data::extents(steps_, {images}); }

 private:
  Steps steps_;
};

// Deterministic, resolved: the shorter side to the larger of the two sizes, then the centre, height x width.
Json evaluation_pipeline(int height, int width);

}  // namespace selfsup::data
