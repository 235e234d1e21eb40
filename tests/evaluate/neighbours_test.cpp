#include "evaluate/neighbours.h"

#include <ATen/ATen.h>
#include <png.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "base/errors.h"
#include "evaluate/views.h"

namespace selfsup::evaluate {
namespace {

LabelledImages images_with(const std::vector<int64_t>& labels, int64_t classes) {
  const auto count = static_cast<int64_t>(labels.size());
  return {at::arange(count, at::kByte).view({count, 1, 1, 1}).expand({count, 4, 4, 1}).contiguous(),
          at::tensor(at::ArrayRef<int64_t>(labels), at::kLong),
          classes,
          {}};
}

int count_of(const Picture& picture, const Color& color) {
  int count = 0;
  for (size_t i = 0; i < picture.pixels.size(); i += 3)
    count +=
        picture.pixels[i] == color.red && picture.pixels[i + 1] == color.green && picture.pixels[i + 2] == color.blue;
  return count;
}

// Width and height of a PNG, which must be one.
std::pair<int, int> size_of(const std::string& path) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_file(&image, path.c_str()));
  const std::pair size(static_cast<int>(image.width), static_cast<int>(image.height));
  png_image_free(&image);
  return size;
}

class Grey : public data::Dataset {
 public:
  explicit Grey(int64_t size, std::set<int64_t> bad = {}) : size_(size), bad_(std::move(bad)) {}
  int64_t size() const override { return size_; }
  int channels() const override { return 1; }
  std::string describe(int64_t index) const override { return std::to_string(index); }
  void load(int64_t index, data::Image& out) const override {
    if (bad_.contains(index)) throw data::BadImage("broken");
    out.reshape(30, 40, 1);
    std::fill(out.pixels.begin(), out.pixels.end(), static_cast<uint8_t>(index));
  }

 private:
  int64_t size_;
  std::set<int64_t> bad_;
};

// Gives its views, each of another size.
class Views : public data::Transform {
 public:
  explicit Views(int count) : count_(count) {}
  void apply(data::Sample& sample, data::SampleRandom&) const override {
    sample.views.clear();
    for (int i = 0; i < count_; ++i) {
      data::Image view;
      view.reshape(8 + i % 3, 16, 1);
      sample.views.emplace_back(std::move(view));
    }
  }

 private:
  int count_;
};

}  // namespace

TEST_CASE("neighbours to show are the nearest by angle, of queries of every class") {
  // Angles of unit vectors; lengths do not count.
  const auto at_angles = [](const std::vector<double>& degrees) {
    std::vector<at::Tensor> rows;
    for (const double angle : degrees)
      rows.push_back(at::tensor({std::cos(angle / 180 * 3.14159265), std::sin(angle / 180 * 3.14159265)}, at::kFloat) *
                     (1 + angle));
    return at::stack(rows);
  };
  const at::Tensor bank = at_angles({0, 10, 20, 30, 40, 50, 60, 70, 80, 90}), queries = at_angles({1, 2, 89, 44});
  const Neighbours found = find_neighbours(bank, queries, at::tensor({2, 2, 0, 1}, at::kLong), 3);
  CHECK(found.queries == std::vector<int64_t>{2, 3, 0, 1});
  REQUIRE(found.nearest.size() == 4);
  CHECK(found.nearest[0] == std::vector<int64_t>{9, 8, 7, 6, 5, 4, 3});
  CHECK(found.nearest[1] == std::vector<int64_t>{4, 5, 3, 6, 2, 7, 1});
  CHECK(found.nearest[2] == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6});
  // A bank of two has two neighbours; no query, none.
  CHECK(find_neighbours(bank.slice(0, 0, 2), queries, at::zeros({4}, at::kLong), 1).nearest.at(0).size() == 2);
  CHECK(find_neighbours(bank, queries.slice(0, 0, 0), at::zeros({0}, at::kLong), 3).queries.empty());
}

TEST_CASE("of many classes some are shown, spread over them, and of few classes several each") {
  const at::Tensor features = at::rand({1000, 3});
  const auto labels_shown = [&](const at::Tensor& labels, int64_t classes) {
    std::vector<int64_t> shown;
    for (const int64_t row : find_neighbours(features, features, labels, classes).queries)
      shown.push_back(labels[row].item<int64_t>());
    return shown;
  };
  CHECK(labels_shown(at::arange(1000, at::kLong), 1000) == std::vector<int64_t>{0, 125, 250, 375, 500, 625, 750, 875});
  CHECK(labels_shown(at::arange(1000, at::kLong).remainder(3), 3) == std::vector<int64_t>{0, 0, 0, 1, 1, 1, 2, 2});
  CHECK(labels_shown(at::full({1000}, 4, at::kLong), 5) == std::vector<int64_t>(8, 4));
}

TEST_CASE("a sheet of neighbours frames the right ones and the wrong ones, and counts them") {
  const LabelledImages bank = images_with({0, 1, 1}, 2), queries = images_with({0, 1}, 2);
  const Neighbours found{{0, 1}, {{0, 1}, {1, 2}}};
  const auto frames = [&](const Color& color) { return count_of(neighbours_sheet(found, bank, queries, {}), color); };
  const int right = frames({45, 164, 78}), wrong = frames({207, 34, 46});
  CHECK(wrong > 0);
  CHECK(right == 3 * wrong);
  CHECK(neighbours_caption(found, bank, queries).starts_with("3 of the 4 "));
  const Picture named = neighbours_sheet(found, bank, queries, {"first", "second"});
  CHECK(named.height > neighbours_sheet(found, bank, queries, {}).height);
  // Names of some labels only are no reason to fail.
  CHECK(neighbours_sheet(found, bank, queries, {"first"}).width == named.width);
}

TEST_CASE("a sheet of views has room for any number of them, and leaves bad images out") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("selfsup-views-" + std::to_string(::getpid()) + ".png")).string();
  const auto draw = [&](const data::Dataset& dataset, int views) {
    const data::Pipeline pipeline(Json(Json::Array{Json(Json::Object{{"type", "Views"}})}),
                                  [views](const Json&) { return std::make_unique<Views>(views); });
    std::vector<data::ImageShape> shapes;
    for (int i = 0; i < views; ++i) shapes.push_back({8 + i % 3, 16, 1});
    write_png(path, draw_views(dataset, pipeline, shapes, 3));
    return size_of(path);
  };
  const auto [width, height] = draw(Grey(100), 1);
  CHECK(width > 9 * 144);
  CHECK(width < 9 * 144 + 150);
  for (const int views : {2, 4, 8, 9, 1000}) CHECK(draw(Grey(100), views).first < 9 * 144 + 250);
  CHECK(draw(Grey(100), 5).first < draw(Grey(100), 8).first);  // one epoch of five
  const int two_rows = draw(Grey(2), 1).second, one_row = draw(Grey(1), 1).second;
  CHECK(two_rows > one_row);
  CHECK(draw(Grey(2, {0}), 1).second == one_row);
  CHECK_THROWS_AS(draw(Grey(2, {0, 1}), 1), Error);
  ::unlink(path.c_str());
}

}  // namespace selfsup::evaluate
