// A list of transforms built from its specification. Knows the built-in transforms through their factory only.
#pragma once
#include <memory>
#include <vector>

#include "data/transforms/transform.h"

namespace selfsup::data {

// A transform and its place in the pipeline, counted through nested ones.
struct Step {
  std::unique_ptr<Transform> transform;
  int position;
};

// Immutable once built; apply may run in several threads at once.
class Pipeline {
 public:
  Pipeline() = default;  // empty: pictures pass unchanged
  // spec: an array of {"type": …, …}. Types that are not built in are asked of `factory`; one that nobody knows is an
  // Error(usage). The specifications have been validated against the schemas; what a schema cannot say is checked here.
  explicit Pipeline(const Json& spec, const TransformFactory& factory = {});

  void apply(Sample& sample, SampleRandom& random) const;

  // Shapes of the views that a picture of that shape leaves: a trial run on a black one. No side of `input` is 0.
  std::vector<ImageShape> output_shapes(ImageShape input) const;

 private:
  std::vector<Step> steps_;
};

// Deterministic: the shorter side to the larger of the two sizes, then the centre, height x width.
Json evaluation_pipeline(int height, int width);

}  // namespace selfsup::data
