#include "data/transforms/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "data/transforms/geometry.h"

namespace selfsup::data {

void ImageTransform::apply(Sample& sample, SampleRandom& random) const {
  thread_local Image out;  // swapped with the views, so that memory goes round
  for (size_t v = 0; v < sample.views.size(); ++v) {
    random.view(static_cast<int>(v));
    transform(sample.views[v], out, random);
    std::swap(sample.views[v], out);
  }
}

namespace {

constexpr std::string_view kBuiltIn = "builtin:";

void run(const std::vector<Step>& steps, size_t first, Sample& sample, SampleRandom& random) {
  for (size_t i = first; i < steps.size(); ++i) {
    random.at(steps[i].position);
    steps[i].transform->apply(sample, random);
  }
}

// Several views of one picture, each through a pipeline of its own: num_views[i] of them through transforms[i].
class MultiView : public Transform {
 public:
  struct Group {
    int64_t views;
    std::vector<Step> steps;
  };
  explicit MultiView(std::vector<Group> groups) : groups_(std::move(groups)) {}

  void apply(Sample& sample, SampleRandom& random) const override {
    if (sample.views.size() != 1)
      throw Error(Exit::usage, fmt::format("MultiView wants one picture, not {} views", sample.views.size()));
    const Image source = std::move(sample.views[0]);
    sample.views.clear();
    for (const Group& group : groups_)
      for (int64_t i = 0; i < group.views; ++i) add_view(group.steps, source, sample, random);
  }

 private:
  static void add_view(const std::vector<Step>& steps, const Image& source, Sample& sample,
                       const SampleRandom& random) {
    const int first_view = static_cast<int>(sample.views.size());
    SampleRandom nested = random.nested(first_view);
    Sample view;
    view.index = sample.index;
    view.label = sample.label;
    view.views.resize(1);
    // A first step that makes a picture of a picture reads the shared one: no copy.
    const auto* direct = steps.empty() ? nullptr : dynamic_cast<const ImageTransform*>(steps[0].transform.get());
    if (direct != nullptr) {
      nested.at(steps[0].position);
      direct->transform(source, view.views[0], nested);
    } else {
      view.views[0] = source;
    }
    run(steps, direct != nullptr ? 1 : 0, view, nested);
    for (Image& image : view.views) sample.views.push_back(std::move(image));
    for (Field& field : view.fields) {
      field.view = first_view + std::max(field.view, 0);
      sample.set_field(std::move(field));
    }
  }

  std::vector<Group> groups_;
};

// All of its transforms with probability prob, or none; drawn once for the whole sample.
class RandomApply : public Transform {
 public:
  RandomApply(double prob, std::vector<Step> steps) : prob_(prob), steps_(std::move(steps)) {}
  void apply(Sample& sample, SampleRandom& random) const override {
    if (random.uniform() < prob_) run(steps_, 0, sample, random);
  }

 private:
  double prob_;
  std::vector<Step> steps_;
};

// Positions are counted through nested pipelines in the order of the text, so every transform has streams of its own.
class Builder {
 public:
  explicit Builder(const TransformFactory& factory) : factory_(factory) {}

  std::vector<Step> build(const Json& list) {
    std::vector<Step> steps;
    for (const Json& spec : list.as_array()) {
      const int position = position_++;
      if (std::unique_ptr<Transform> transform = make(spec)) steps.push_back({std::move(transform), position});
    }
    return steps;
  }

 private:
  // Null for what MMSelfSup needs a transform for and we do not: reading the file, packing the result.
  std::unique_ptr<Transform> make(const Json& spec) {
    const std::string& type = spec.get("type").as_string();
    if (type.starts_with(kBuiltIn)) {  // as said where a plugin has a transform of that name
      Json plain = spec;
      plain.set("type", type.substr(kBuiltIn.size()));
      return make(plain);
    }
    if (type == "LoadImageFromFile" || type == "PackSelfSupInputs") return nullptr;
    if (type == "MultiView") return make_multi_view(spec);
    if (type == "RandomApply") {
      const double prob = spec.get_double("prob", 0.5);
      if (!(prob >= 0 && prob <= 1)) refuse(spec, fmt::format("\"prob\" is {}; expected 0 to 1", prob));
      return std::make_unique<RandomApply>(prob, build(spec.get("transforms")));
    }
    std::unique_ptr<Transform> transform = make_geometry(spec);
    if (!transform && factory_) transform = factory_(spec);
    if (!transform) refuse(spec, "no such transform is built in, and no plugin provides it");
    return transform;
  }

  std::unique_ptr<Transform> make_multi_view(const Json& spec) {
    const Json& counts = spec.get("num_views");
    const Json::Array& lists = spec.get("transforms").as_array();
    const size_t given = counts.is_array() ? counts.as_array().size() : 1;
    if (given != lists.size() || lists.empty())
      refuse(spec, fmt::format("{} numbers in \"num_views\" for {} pipelines in \"transforms\"", given, lists.size()));
    std::vector<MultiView::Group> groups;
    for (size_t i = 0; i < lists.size(); ++i) {
      const int64_t views = counts.is_array() ? counts.as_array()[i].as_int() : counts.as_int();
      if (views < 1 || views > 1000) refuse(spec, fmt::format("\"num_views\" is {}; expected 1 to 1000", views));
      groups.push_back({views, build(lists[i])});
    }
    return std::make_unique<MultiView>(std::move(groups));
  }

  [[noreturn]] static void refuse(const Json& spec, const std::string& text) {
    throw Error(Exit::usage, fmt::format("{}: {}: {}", describe(spec.source), spec.get("type").as_string(), text));
  }

  const TransformFactory& factory_;
  int position_ = 0;
};

}  // namespace

Pipeline::Pipeline(const Json& spec, const TransformFactory& factory) : steps_(Builder(factory).build(spec)) {}

void Pipeline::apply(Sample& sample, SampleRandom& random) const { run(steps_, 0, sample, random); }

std::vector<ImageShape> Pipeline::output_shapes(ImageShape input) const {
  Sample sample;
  sample.views.resize(1);
  sample.views[0].reshape(input.height, input.width, input.channels);
  SampleRandom random(0, 0, 0);
  apply(sample, random);
  std::vector<ImageShape> shapes;
  for (const Image& view : sample.views) shapes.push_back({view.height, view.width, view.channels});
  return shapes;
}

Json evaluation_pipeline(int height, int width) {
  Json resize = Json::object(), center = Json::object();
  resize.set("type", "ResizeEdge");
  resize.set("scale", std::max(height, width));
  center.set("type", "CenterCrop");
  center.set("crop_size", Json::Array{Json(width), Json(height)});
  return Json(Json::Array{std::move(resize), std::move(center)});
}

}  // namespace selfsup::data
