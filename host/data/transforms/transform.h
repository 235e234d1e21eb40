// What a step of the pipeline is, and the built-in types of steps. Knows no type by name.
#pragma once
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/registry.h"
#include "data/sample.h"
#include "data/transforms/extent.h"

namespace selfsup::data {

// A step of the pipeline. apply is called by several threads at once, each with its own sample: no mutable state.
class Transform {
 public:
  virtual ~Transform() = default;
  // Changes the sample in place. Draws come from `random`, which stands at view 0 of this transform's own stream;
  // a transform that treats several views calls random.view(v) before each.
  virtual void apply(Sample& sample, SampleRandom& random) const = 0;
  // The sizes that views of these sizes will have, as far as the rule says it for every image and every draw. BadImage:
  // no image of these sizes can be used.
  virtual std::vector<Extent> extents(std::vector<Extent> views) const { return views; }
  // How many views it makes of one; kMaxViews at most.
  virtual int64_t views_of_one() const { return 1; }
};
inline constexpr int64_t kMaxViews = 1000;  // of a sample

// Treats each view by itself. An edit that a view cannot have makes it a BadImage: the result would be too large.
class ViewTransform : public Transform {
 public:
  void apply(Sample& sample, SampleRandom& random) const final;
  virtual void apply(Sample& sample, int view, SampleRandom& random) const = 0;
  std::vector<Extent> extents(std::vector<Extent> views) const final;
  virtual Extent extent(const Extent& view) const { return view; }
};

// A transform and its place in the pipeline, counted through nested ones.
struct Step {
  std::unique_ptr<Transform> transform;
  int position;
};
using Steps = std::vector<Step>;
void run(const Steps& steps, Sample& sample, SampleRandom& random);
std::vector<Extent> extents(const Steps& steps, std::vector<Extent> views);
// As of a transform; more than kMaxViews, whatever number, where they are too many.
int64_t views_of_one(const Steps& steps);

// Makes the steps of a list of specifications: for types that hold pipelines themselves.
using StepsMaker = std::function<Steps(const Json& list)>;

// What a file of this folder defines, and types.cpp lists.
struct TransformType {
  std::vector<std::string_view> names;
  Json schema;  // of a specification {"type": …, …}
  // spec: resolved, which means checked against the schema, defaults filled in. Null: nothing is to be done. What the
  // schema cannot say is an Error(usage).
  std::unique_ptr<Transform> (*make)(const Json& spec, const StepsMaker& nested);
};
const Registry<TransformType>& transform_types();

// TransformType::make of a type that holds no pipelines.
template <class Type>
std::unique_ptr<Transform> make_of(const Json& spec, const StepsMaker&) {
  return std::make_unique<Type>(spec);
}

// Makes the transform of a specification {"type": …, …}, or returns null when it does not know the type.
using TransformFactory = std::function<std::unique_ptr<Transform>(const Json& spec)>;

}  // namespace selfsup::data
