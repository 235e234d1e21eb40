#include "data/transforms/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/type_name.h"
#include "data/transforms/arguments.h"

namespace selfsup::data {
namespace {

// Positions are counted through nested pipelines in the order of the text, so every transform has streams of its own.
class Builder {
 public:
  explicit Builder(const TransformFactory& factory) : factory_(factory) {}

  Steps build(const Json& list) {
    Steps steps;
    for (const Json& spec : list.as_array()) {
      const int position = position_++;
      if (std::unique_ptr<Transform> transform = make(spec)) steps.push_back({std::move(transform), position});
    }
    return steps;
  }

 private:
  std::unique_ptr<Transform> make(const Json& spec) {
    const TypeName said = split_type(spec.get("type").as_string());
    const bool built_in = said.owner.empty() || said.owner == kBuiltIn;  // said where a plugin has one of that name too
    if (const TransformType* type = built_in ? transform_types().find(said.name) : nullptr)
      return type->make(spec, [this](const Json& list) { return build(list); });
    std::unique_ptr<Transform> transform = factory_ ? factory_(spec) : nullptr;
    if (!transform) refuse(spec, "no such transform is built in, and no plugin provides it");
    return transform;
  }

  const TransformFactory& factory_;
  int position_ = 0;
};

}  // namespace

Pipeline::Pipeline(const Json& spec, const TransformFactory& factory) : steps_(Builder(factory).build(spec)) {}

void Pipeline::apply(Sample& sample, SampleRandom& random) const {
  plan(sample, random);
  draw(sample.views);
}

std::vector<ImageShape> Pipeline::output_shapes(ImageSource source) const {
  Sample sample;
  sample.open(0, -1, 0) = std::move(source);
  SampleRandom random(0, 0, 0);
  plan(sample, random);
  std::vector<ImageShape> shapes;
  for (const View& view : sample.views) shapes.push_back(view.shape());
  return shapes;
}

Json evaluation_pipeline(int height, int width) {
  Json resize = Json::object(), center = Json::object();
  resize.set("type", "ResizeEdge");
  resize.set("scale", std::max(height, width));
  resize.set("edge", "short");
  resize.set("interpolation", "bilinear");
  center.set("type", "CenterCrop");
  center.set("crop_size", Json::Array{Json(width), Json(height)});
  return Json(Json::Array{std::move(resize), std::move(center)});
}

}  // namespace selfsup::data
