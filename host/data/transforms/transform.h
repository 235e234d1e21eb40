// What a step of the pipeline is, and where transforms come from. Knows no transform by name.
#pragma once
#include <functional>
#include <memory>

#include "base/json.h"
#include "data/sample.h"

namespace selfsup::data {

// A step of the pipeline. apply is called by several threads at once, each with its own sample: no mutable state.
class Transform {
 public:
  virtual ~Transform() = default;
  // Changes the sample in place. Draws come from `random`, which stands at view 0 of this transform's own stream;
  // a transform that treats several views calls random.view(v) before each.
  virtual void apply(Sample& sample, SampleRandom& random) const = 0;
};

// A transform that makes one picture of one picture, view by view.
class ImageTransform : public Transform {
 public:
  void apply(Sample& sample, SampleRandom& random) const final;
  // `out` is another object than `in`; its memory is reused.
  virtual void transform(const Image& in, Image& out, SampleRandom& random) const = 0;
};

// Makes the transform of a specification {"type": …, …}, or returns null when it does not know the type.
using TransformFactory = std::function<std::unique_ptr<Transform>(const Json& spec)>;

}  // namespace selfsup::data
