// A list of transforms built from its specification. Knows the built-in transforms through their registry only.
#pragma once
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

  // Shapes of the views that an image leaves: a trial run. BadImage when a transform cannot use it.
  std::vector<ImageShape> output_shapes(Image image) const;

 private:
  Steps steps_;
};

// Deterministic, resolved: the shorter side to the larger of the two sizes, then the centre, height x width.
Json evaluation_pipeline(int height, int width);

}  // namespace selfsup::data
