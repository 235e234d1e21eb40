#include "data/transforms/pipeline.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "base/errors.h"
#include "data/edits/draw.h"
#include "data/loader/view_shapes.h"
#include "data/support/pipeline.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using test::gradient;
using test::run;

Json json(const std::string& text) { return test::resolved(text); }

// Every pixel tells where it stood: channel 0 the row, 1 the column, 2 always 200.
Image coordinates(int height, int width) {
  Image image;
  image.reshape(height, width, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      uint8_t* p = image.row(y) + 3 * x;
      p[0] = static_cast<uint8_t>(y), p[1] = static_cast<uint8_t>(x), p[2] = 200;
    }
  return image;
}

std::string refusal(const std::string& spec) {
  try {
    Pipeline pipeline(json(spec));
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("RandomResizedCrop draws area, ratio and place as its arguments say") {
  // Without interpolation the colours of the result give the box away.
  const Pipeline pipeline(json(
      R"([{"type": "RandomResizedCrop", "size": [50, 70], "scale": [0.2, 0.6], "ratio": [0.5, 2.0], "interpolation": "nearest"}])"));
  const Image image = coordinates(200, 240);
  double area_sum = 0, log_ratio_sum = 0, top_sum = 0;
  constexpr int kTrials = 3000;
  for (int i = 0; i < kTrials; ++i) {
    const Sample sample = run(pipeline, image, i);
    const Image& out = sample.views[0].image();
    REQUIRE(out.height == 50);
    REQUIRE(out.width == 70);
    // Nearest samples stand half a step from the edges of the box.
    const double height = (out.row(49)[0] - out.row(0)[0]) * 50 / 49.0;
    const double width = (out.row(0)[69 * 3 + 1] - out.row(0)[1]) * 70 / 69.0;
    const double area = height * width / (200 * 240), ratio = width / height;
    REQUIRE(area > 0.18);
    REQUIRE(area < 0.63);
    REQUIRE(ratio > 0.48);
    REQUIRE(ratio < 2.09);
    area_sum += area, log_ratio_sum += std::log(ratio);
    top_sum += (out.row(0)[0] - height / 100) / std::max(1.0, 200 - height);
  }
  // A few boxes do not fit and are drawn again, which moves the means a little.
  CHECK(area_sum / kTrials == Approx(0.4).margin(0.015));
  CHECK(log_ratio_sum / kTrials == Approx(0).margin(0.06));
  CHECK(top_sum / kTrials == Approx(0.5).margin(0.03));
}

TEST_CASE("RandomResizedCrop falls back on the largest centred box of an allowed ratio") {
  const auto spec = [](const char* ratio) {
    return json(R"([{"type": "RandomResizedCrop", "size": 8, "scale": [1.0, 1.0], "ratio": )" + std::string(ratio) +
                R"(, "interpolation": "nearest"}])");
  };
  Image wide = run(Pipeline(spec("[0.75, 1.5]")), coordinates(20, 200), 0).views[0].image();
  CHECK(wide.row(0)[1] >= 85);  // 30 columns from 85
  CHECK(wide.row(0)[7 * 3 + 1] < 115);
  CHECK(wide.row(7)[0] >= 18);
  Image tall = run(Pipeline(spec("[0.5, 1.0]")), coordinates(200, 20), 0).views[0].image();
  CHECK(tall.row(0)[0] >= 80);  // 40 rows from 80
  CHECK(tall.row(7)[0] < 120);
}

TEST_CASE("RandomFlip mirrors by its probability and direction") {
  const Image image = coordinates(5, 7);
  const Image grey = gradient(5, 7, 1);
  for (const char* direction : {"horizontal", "vertical", "diagonal"}) {
    const std::string d = direction;
    const Pipeline pipeline(json(R"([{"type": "RandomFlip", "prob": 1, "direction": ")" + d + R"("}])"));
    const Image out = run(pipeline, image, 1).views[0].image(), out_grey = run(pipeline, grey, 1).views[0].image();
    for (int y = 0; y < 5; ++y)
      for (int x = 0; x < 7; ++x) {
        const int from_y = d == "horizontal" ? y : 4 - y, from_x = d == "vertical" ? x : 6 - x;
        REQUIRE(out.row(y)[3 * x] == from_y);
        REQUIRE(out.row(y)[3 * x + 1] == from_x);
        REQUIRE(out.row(y)[3 * x + 2] == 200);
        REQUIRE(out_grey.row(y)[x] == grey.row(from_y)[from_x]);
      }
  }
  const Pipeline some(json(R"([{"type": "RandomFlip", "prob": 0.3, "direction": ["horizontal", "vertical"]}])"));
  int horizontal = 0, vertical = 0;
  for (int i = 0; i < 4000; ++i) {
    const Image out = run(some, image, i).views[0].image();
    horizontal += out.row(0)[1] == 6, vertical += out.row(0)[0] == 4;
  }
  CHECK(horizontal == Approx(600).margin(100));
  CHECK(vertical == Approx(600).margin(100));
}

TEST_CASE("RandomCrop pads and shifts") {
  const Image image = coordinates(28, 28);
  const Pipeline shift(json(R"([{"type": "RandomCrop", "size": 28, "padding": 2, "pad_val": 7}])"));
  std::set<std::pair<int, int>> shifts;
  for (int i = 0; i < 500; ++i) {
    const Image out = run(shift, image, i).views[0].image();
    REQUIRE(out.height == 28);
    const int dy = out.row(14)[3 * 14] - 14, dx = out.row(14)[3 * 14 + 1] - 14;
    shifts.insert({dy, dx});
    for (int y = 0; y < 28; ++y)
      for (int x = 0; x < 28; ++x) {
        const bool inside = y + dy >= 0 && y + dy < 28 && x + dx >= 0 && x + dx < 28;
        const uint8_t* p = out.row(y) + 3 * x;
        REQUIRE(p[0] == (inside ? y + dy : 7));
        REQUIRE(p[1] == (inside ? x + dx : 7));
        REQUIRE(p[2] == (inside ? 200 : 7));
      }
  }
  CHECK(shifts.size() == 25);
  for (const auto& [dy, dx] : shifts) CHECK(std::max(std::abs(dy), std::abs(dx)) <= 2);

  SECTION("ways to pad") {
    // One row of columns 0 1 2, four more on the left and the right, all of it kept.
    const auto row = [&](const char* mode) {
      const Pipeline pipeline(json(R"([{"type": "RandomCrop", "size": [1, 11], "padding": [4, 0], "padding_mode": ")" +
                                   std::string(mode) + R"("}])"));
      const Image out = run(pipeline, coordinates(1, 3), 0).views[0].image();
      std::string columns;
      for (int x = 0; x < 11; ++x) columns += std::to_string(out.row(0)[3 * x + 1]);
      return columns;
    };
    CHECK(row("constant") == "00000120000");
    CHECK(row("edge") == "00000122222");
    CHECK(row("reflect") == "01210121012");
    CHECK(row("symmetric") == "22100122100");
  }
  SECTION("too small") {
    CHECK_THROWS_AS(run(Pipeline(json(R"([{"type": "RandomCrop", "size": 30}])")), image, 0), BadImage);
    const Pipeline padding(json(R"([{"type": "RandomCrop", "size": 30, "pad_if_needed": true}])"));
    CHECK(run(padding, image, 0).views[0].image().height == 30);
  }
}

TEST_CASE("Resize, ResizeEdge and CenterCrop give the sizes that mmcv gives") {
  const auto size = [](const std::string& spec, int height, int width) {
    const ImageShape shape = Pipeline(json("[" + spec + "]")).output_shapes(gradient(height, width, 3)).at(0);
    return std::pair{shape.height, shape.width};
  };
  CHECK(size(R"({"type": "Resize", "scale": [40, 30]})", 100, 100) == std::pair{30, 40});
  CHECK(size(R"({"type": "Resize", "scale": 24})", 100, 50) == std::pair{24, 24});
  CHECK(size(R"({"type": "Resize", "scale": [40, 30], "keep_ratio": true})", 100, 100) == std::pair{30, 30});
  CHECK(size(R"({"type": "ResizeEdge", "scale": 64})", 100, 200) == std::pair{64, 128});
  CHECK(size(R"({"type": "ResizeEdge", "scale": 64, "edge": "long"})", 100, 200) == std::pair{32, 64});
  CHECK(size(R"({"type": "ResizeEdge", "scale": 64, "edge": "height"})", 200, 100) == std::pair{64, 32});
  CHECK(size(R"({"type": "CenterCrop", "crop_size": [20, 10]})", 100, 100) == std::pair{10, 20});
  CHECK(size(R"({"type": "CenterCrop", "crop_size": 150})", 100, 200) == std::pair{100, 150});
  const Image centre =
      run(Pipeline(json(R"([{"type": "CenterCrop", "crop_size": 4}])")), coordinates(10, 20), 0).views[0].image();
  CHECK(centre.row(0)[0] == 3);
  CHECK(centre.row(0)[1] == 8);
  const Pipeline evaluation(evaluation_pipeline(32, 24));
  CHECK(evaluation.output_shapes(gradient(100, 300, 3)) == std::vector<ImageShape>{{32, 24, 3}});
  const Image same = gradient(28, 28, 1);
  CHECK(run(Pipeline(evaluation_pipeline(28, 28)), same, 0).views[0].image().pixels == same.pixels);
}

TEST_CASE("a resize of a box sees nothing outside it, and needs no byte past the picture") {
  Image image = gradient(40, 60, 3), other = image;
  const Box box{7, 9, 20, 31};
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 60; ++x)
      if (y < box.top || y >= box.top + box.height || x < box.left || x >= box.left + box.width)
        for (int c = 0; c < 3; ++c) other.row(y)[3 * x + c] = 255;
  Image cropped, want, got;
  const auto resize = [](const Image& in, const Box& of, int h, int w, Interpolation kind, Image& out) {
    const Edit edit = crop_resize(of, h, w, kind);
    draw(in, std::span(&edit, 1), out);
  };
  resize(image, box, 20, 31, Interpolation::nearest, cropped);
  for (Interpolation kind : {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic})
    for (auto [h, w] : {std::pair{16, 16}, {64, 80}, {20, 50}, {33, 31}, {1, 1}, {20, 31}}) {
      resize(cropped, {0, 0, 20, 31}, h, w, kind, want);
      resize(other, box, h, w, kind, got);
      CHECK(got.pixels == want.pixels);
    }
}

TEST_CASE("a set whose pictures differ in size is judged by them, not by a guess") {
  const test::MadeUp set(30, [](int64_t i, Image& out) {
    if (i == 0) throw BadImage("broken");
    out = gradient(i < 3 ? 100 : 700, 700, 1);
  });
  const Pipeline crop(json(R"([{"type": "RandomCrop", "size": 600}])"));
  CHECK(view_shapes(set, crop, "c.json:1:2: the.key") == std::vector<ImageShape>{{600, 600, 1}});
  const Pipeline larger(json(R"([{"type": "RandomCrop", "size": 800}])"));
  CHECK_THROWS_WITH(view_shapes(set, larger, "c.json:1:2: the.key"),
                    "c.json:1:2: the.key: none of the 30 images of the data set can go through it; made up 29: 700 x "
                    "700, too small for a RandomCrop of 800 x 800 (see pad_if_needed)");
  // Of images that nobody can read the rules alone are known.
  const test::MadeUp damaged(3, [](int64_t, Image&) { throw BadImage("broken"); });
  CHECK(view_shapes(damaged, crop, "") == std::vector<ImageShape>{{600, 600, 1}});
  CHECK_THROWS_WITH(view_shapes(damaged, Pipeline(), ""), Contains("made up 2: broken"));
}

TEST_CASE("the images that shapes are tried on are spread over the set") {
  const auto large_from = [](int64_t first) {
    return [first](int64_t i, Image& out) { out = gradient(i < first ? 24 : 80, 80, 1); };
  };
  const Pipeline crop(json(R"([{"type": "RandomCrop", "size": 64}])"));
  const std::vector<ImageShape> cropped{{64, 64, 1}};
  CHECK(view_shapes(test::MadeUp(420, large_from(20)), crop, "key") == cropped);
  CHECK(view_shapes(test::MadeUp(5000, large_from(4990)), crop, "key") == cropped);
  // The only large one is not tried. Where nearly all may be bad the account of bad images is to judge that.
  const test::MadeUp last(5000, large_from(4999));
  CHECK(view_shapes(last, crop, "key", 1) == cropped);
  CHECK_THROWS_WITH(
      view_shapes(last, crop, "key", 0.3),
      Contains("key: none of 1000 images that are spread over the 5000 of the data set can go through it; "
               "made up 4995: 80 x 24, too small"));
  CHECK_THROWS_WITH(view_shapes(test::MadeUp(420, large_from(420)), crop, "key", 1),
                    Contains("key: none of the 420 images"));
  CHECK_THROWS_WITH(view_shapes(test::MadeUp(1, large_from(1)), crop, "key"),
                    Contains("key: the only image of the data set cannot go through it"));
}

TEST_CASE("a pipeline that no image can go through is refused by its key, without numbers that nobody wrote") {
  const test::MadeUp damaged(3, [](int64_t, Image&) { throw BadImage("broken"); });
  const auto refused = [&](const char* steps) {
    try {
      view_shapes(damaged, Pipeline(json(steps)), "the.key");
    } catch (const Error& e) {
      CHECK(e.exit() == Exit::usage);
      CHECK_THAT(e.what(), Contains("the.key: ") && !Contains("65535"));
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK_THAT(refused(R"([{"type": "ResizeEdge", "edge": "height", "scale": 32}, {"type": "RandomCrop", "size": 64}])"),
             Contains("images of 32 pixels in height, too small for a RandomCrop of 64 x 64 (see pad_if_needed)"));
  CHECK_THAT(refused(R"([{"type": "CenterCrop", "crop_size": 32}, {"type": "RandomCrop", "size": [16, 64]}])"),
             Contains("images of at most 32 pixels in width, too small for a RandomCrop of 64 x 16"));
  CHECK_THAT(refused(R"([{"type": "Resize", "scale": 32}, {"type": "RandomCrop", "size": 64}])"),
             Contains("32 x 32, too small for a RandomCrop of 64 x 64"));
}

TEST_CASE("the rules of a pipeline say what sizes it gives, as far as they do for every image") {
  const auto sizes = [](const std::string& steps, const Extent& images = {}) {
    return Pipeline(json("[" + steps + "]")).extents(images);
  };
  using Extents = std::vector<Extent>;
  const Side any, at_least_64(64, kMaxImageSide);
  CHECK(sizes("") == Extents{{any, any}});
  CHECK(sizes(R"({"type": "RandomCrop", "size": [600, 500]}, {"type": "RandomFlip"})") == Extents{{600, 500}});
  CHECK(sizes(R"({"type": "RandomResizedCrop", "size": 40})") == Extents{{40, 40}});
  CHECK(sizes(R"({"type": "Resize", "scale": [40, 30]})") == Extents{{30, 40}});
  CHECK(sizes(R"({"type": "Resize", "scale": [40, 30], "keep_ratio": true})") == Extents{{Side(1, 40), Side(1, 40)}});
  CHECK(sizes(R"({"type": "Resize", "scale": [40, 30], "keep_ratio": true})", {100, 100}) == Extents{{30, 30}});
  CHECK(sizes(R"({"type": "ResizeEdge", "scale": 64})") == Extents{{at_least_64, at_least_64}});
  CHECK(sizes(R"({"type": "ResizeEdge", "scale": 64}, {"type": "CenterCrop", "crop_size": 56})") == Extents{{56, 56}});
  CHECK(sizes(R"({"type": "ResizeEdge", "scale": 64, "edge": "height"})") == Extents{{64, any}});
  CHECK(sizes(R"({"type": "ResizeEdge", "scale": 64})", {100, 200}) == Extents{{64, 128}});
  CHECK(sizes(R"({"type": "RandomApply", "transforms": [{"type": "CenterCrop", "crop_size": 8}]})", {10, 20}) ==
        Extents{{Side(8, 10), Side(8, 20)}});
  CHECK(sizes(R"({"type": "MultiView", "num_views": [2, 1], "transforms": [[{"type": "RandomCrop", "size": 8}], []]})",
              {10, 20}) == Extents{{8, 8}, {8, 8}, {10, 20}});
  CHECK_THROWS_AS(sizes(R"({"type": "RandomCrop", "size": 64})", {32, 32}), BadImage);
  CHECK_NOTHROW(sizes(R"({"type": "RandomCrop", "size": 64, "pad_if_needed": true})", {32, 32}));
  CHECK_THROWS_AS(sizes(R"({"type": "Resize", "scale": 65535})"), BadImage);
}

TEST_CASE("MultiView makes views that differ, each from the whole picture") {
  const Pipeline pipeline(json(R"([
    {"type": "LoadImageFromFile"},
    {"type": "MultiView", "num_views": [2, 3], "transforms": [
      [{"type": "RandomResizedCrop", "size": 32}, {"type": "RandomFlip"}],
      [{"type": "RandomFlip"}, {"type": "RandomCrop", "size": 16}]]},
    {"type": "PackSelfSupInputs", "meta_keys": ["img_path"]}])"));
  const Sample sample = run(pipeline, gradient(50, 60, 3), 3);
  REQUIRE(sample.views.size() == 5);
  for (size_t v = 0; v < 5; ++v) {
    CHECK(sample.views[v].image().height == (v < 2 ? 32 : 16));
    for (size_t w = 0; w < v; ++w) CHECK(sample.views[v].image().pixels != sample.views[w].image().pixels);
  }
  CHECK(pipeline.output_shapes(gradient(50, 60, 1)) ==
        std::vector<ImageShape>{{32, 32, 1}, {32, 32, 1}, {16, 16, 1}, {16, 16, 1}, {16, 16, 1}});
}

TEST_CASE("draws are a function of seed, epoch, sample, view and position") {
  const auto draw = [](uint64_t seed, uint64_t epoch, int64_t index, int view, int position) {
    SampleRandom random(seed, epoch, index);
    random.next();
    random.at(position);
    random.next();
    random.view(view);
    return random.next();
  };
  std::set<uint64_t> all;
  for (uint64_t seed : {1, 2})
    for (uint64_t epoch : {0, 1})
      for (int64_t index : {0, 1})
        for (int view : {0, 1})
          for (int position : {0, 1}) {
            CHECK(draw(seed, epoch, index, view, position) == draw(seed, epoch, index, view, position));
            all.insert(draw(seed, epoch, index, view, position));
          }
  CHECK(all.size() == 32);
  SampleRandom random(1, 0, 0);
  CHECK(random.nested(1).next() == draw(1, 0, 0, 1, 0));
}

TEST_CASE("transforms of plugins join the pipeline") {
  struct AddField : Transform {
    void apply(Sample& sample, SampleRandom& random) const override {
      Field field{"draw", -1, FieldType::u8, {}, {std::byte(random.below(256))}};
      sample.set_field(field);
      field.name = "view", field.view = 0;
      sample.set_field(field);
    }
  };
  std::vector<std::string> asked;
  const TransformFactory factory = [&](const Json& spec) -> std::unique_ptr<Transform> {
    asked.push_back(spec.get("type").as_string());
    if (asked.back() == "AddField") return std::make_unique<AddField>();
    return nullptr;
  };
  const Pipeline pipeline(json(R"([{"type": "MultiView", "num_views": 2, "transforms": [[{"type": "AddField"}]]},
                                   {"type": "RandomApply", "prob": 1, "transforms": [{"type": "AddField"}]}])"),
                          factory);
  CHECK(asked == std::vector<std::string>{"AddField", "AddField"});
  const Sample sample = run(pipeline, gradient(4, 4, 3), 0);
  // Inside MultiView a field belongs to the view that is made, whether it names it or not.
  std::set<std::pair<std::string, int>> names;
  for (const Field& field : sample.fields) names.insert({field.name, field.view});
  CHECK(names ==
        std::set<std::pair<std::string, int>>{{"draw", -1}, {"draw", 0}, {"draw", 1}, {"view", 0}, {"view", 1}});
  CHECK_THROWS_WITH(Pipeline(json(R"([{"type": "Nothing"}])"), factory),
                    Contains("Nothing") && Contains("test.json:1"));
}

TEST_CASE("RandomApply applies all or nothing") {
  const Pipeline pipeline(json(R"([{"type": "RandomApply", "prob": 0.25, "transforms": [
    {"type": "RandomFlip", "prob": 1}, {"type": "CenterCrop", "crop_size": 3}]}])"));
  int applied = 0;
  for (int i = 0; i < 2000; ++i) {
    const Image out = run(pipeline, coordinates(5, 5), i).views[0].image();
    applied += out.height == 3;
    REQUIRE((out.height == 3 ? out.row(0)[1] == 3 : out.row(0)[1] == 0));
  }
  CHECK(applied == Approx(500).margin(80));
}

TEST_CASE("contradictions that no schema sees are refused with the place") {
  CHECK_THAT(refusal(R"([{"type": "RandomResizedCrop", "size": 8, "scale": [0.9, 0.1]}])"),
             Contains("test.json:1:2") && Contains("scale"));
  CHECK_THAT(refusal(R"([{"type": "RandomCrop", "size": 8, "padding": [1, 2, 3]}])"), Contains("padding"));
  CHECK_THAT(refusal(R"([{"type": "RandomFlip", "direction": "sideways"}])"), Contains("sideways"));
  CHECK_THAT(refusal(R"([{"type": "MultiView", "num_views": [1, 2], "transforms": [[]]}])"), Contains("num_views"));
  CHECK_THAT(refusal(R"([{"type": "MultiView", "num_views": [1000, 1], "transforms": [[], []]}])"),
             Contains("1001 in all") && Contains("at most 1000"));
}

TEST_CASE("views within views are counted when the pipeline is made") {
  const auto nested = [](const std::string& inner, int views) {
    return R"([{"type": "MultiView", "num_views": )" + std::to_string(views) + R"(, "transforms": [)" + inner + "]}]";
  };
  const std::string three = nested(nested(nested("[]", 1000), 1000), 1000);
  CHECK_THAT(refusal(three), Contains("test.json:1:") && Contains("MultiView") && Contains("1000 in all") &&
                                 Contains("multiply to more than 1000"));
  CHECK_THAT(refusal(nested(nested("[]", 26), 40)), Contains("40 in all") && Contains("multiply"));
  CHECK(refusal(nested(nested("[]", 25), 40)).empty());
  CHECK_FALSE(refusal(nested(R"([{"type": "RandomApply", "transforms": )" + nested("[]", 26) + "}]", 40)).empty());
}

}  // namespace selfsup::data
