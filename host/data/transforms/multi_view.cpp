#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "config/schema.h"
#include "data/transforms/arguments.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

// Several views of one image, each through a pipeline of its own: views[i] of them through steps[i].
class MultiView : public Transform {
 public:
  struct Group {
    int64_t views;
    Steps steps;
  };
  explicit MultiView(std::vector<Group> groups) : groups_(std::move(groups)) {}

  void apply(Sample& sample, SampleRandom& random) const override {
    if (sample.views.size() != 1)
      throw Error(Exit::usage, fmt::format("MultiView wants one image, not {} views", sample.views.size()));
    const View source = std::move(sample.views[0]);
    sample.views.clear();
    for (const Group& group : groups_)
      for (int64_t i = 0; i < group.views; ++i) add_view(group.steps, source, sample, random);
  }
  std::vector<Extent> extents(std::vector<Extent> views) const override {
    std::vector<Extent> made;
    for (const Group& group : groups_)
      for (int64_t i = 0; i < group.views; ++i)
        for (const Extent& view : data::extents(group.steps, {views.front()})) made.push_back(view);
    return made;
  }
  // More than kMaxViews, whatever number, where they are too many.
  int64_t views_of_one() const override {
    int64_t views = 0;
    for (const Group& group : groups_)
      views = std::min(views + group.views * data::views_of_one(group.steps), kMaxViews + 1);
    return views;
  }

 private:
  static void add_view(const Steps& steps, const View& source, Sample& sample, const SampleRandom& random) {
    const int first_view = static_cast<int>(sample.views.size());
    SampleRandom nested = random.nested(first_view);
    Sample view;
    view.index = sample.index;
    view.label = sample.label;
    view.epoch = sample.epoch;
    view.whole = &sample;
    view.views.push_back(source);
    run(steps, view, nested);
    for (View& made : view.views) sample.views.push_back(std::move(made));
    for (Field& field : view.fields) {
      field.view = first_view + std::max(field.view, 0);
      sample.set_field(std::move(field));
    }
  }

  std::vector<Group> groups_;
};

std::unique_ptr<Transform> make(const Json& spec, const StepsMaker& nested) {
  const Json& counts = spec.get("num_views");
  const Json::Array& lists = spec.get("transforms").as_array();
  const size_t given = counts.is_array() ? counts.as_array().size() : 1;
  if (given != lists.size())
    refuse(spec, fmt::format("{} numbers in \"num_views\" for {} pipelines in \"transforms\"", given, lists.size()));
  std::vector<MultiView::Group> groups;
  for (size_t i = 0; i < lists.size(); ++i)
    groups.push_back({counts.is_array() ? counts.as_array()[i].as_int() : counts.as_int(), nested(lists[i])});
  int64_t views = 0;
  for (const MultiView::Group& group : groups) views += group.views;
  if (views > kMaxViews)
    refuse(spec, fmt::format("\"num_views\" are {} in all; a sample has at most {}", views, kMaxViews));
  auto made = std::make_unique<MultiView>(std::move(groups));
  if (made->views_of_one() > kMaxViews)
    refuse(spec,
           fmt::format("its \"num_views\", {} in all, and those of the MultiViews in its \"transforms\" multiply to "
                       "more than {}; a sample has at most so many views",
                       views, kMaxViews));
  return made;
}

}  // namespace

TransformType multi_view() {
  return {{"MultiView"},
          config::parse_schema(R"({
  "type": "object",
  "description": "several views of one image, each through a pipeline of its own",
  "properties": {
    "type": {"type": "string"},
    "num_views": {"type": ["integer", "array"], "minimum": 1, "maximum": 1000, "items": {"type": "integer", "minimum": 1, "maximum": 1000}, "minItems": 1, "description": "views through each pipeline; a sample has at most 1000, views of views too"},
    "transforms": {"type": "array", "minItems": 1, "items": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}}, "description": "the pipelines"}
  },
  "required": ["num_views", "transforms"]
})",
                               "MultiView"),
          make};
}

}  // namespace selfsup::data
