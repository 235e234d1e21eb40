// RandomRotation: pixels against Pillow's rotate, how often and how far by counting.
#include <catch2/catch.hpp>
#include <cmath>

#include "base/errors.h"
#include "data/support/pipeline.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;

Pipeline rotation(const std::string& keys) {
  return Pipeline(test::resolved(R"([{"type": "RandomRotation", )" + keys + "}]"));
}

std::vector<uint8_t> turned(const Image& image, const std::string& keys) {
  return test::run(rotation(keys), image, 0).views.at(0).image().pixels;
}

}  // namespace

TEST_CASE("RandomRotation turns counter-clockwise about the middle, as Pillow 9.5") {
  Image image;
  image.reshape(5, 6, 1);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x) image.row(y)[x] = static_cast<uint8_t>(37 * x + 61 * y + 11 * x * y);
  using Pixels = std::vector<uint8_t>;
  CHECK(turned(image, R"("degrees": [30, 30])") == Pixels{0,   74,  111, 253, 45,  0,   37,  74,  205, 205,
                                                          102, 161, 61,  109, 240, 43,  207, 21,  122, 181,
                                                          67,  67,  231, 56,  0,   183, 253, 150, 231, 0});
  CHECK(turned(image, R"("degrees": [30, 30], "interpolation": "bilinear")") ==
        Pixels{0,  81,  115, 199, 87,  0,   30,  93,  173, 165, 127, 107, 60,  137, 210,
               75, 167, 89,  98,  171, 173, 107, 170, 69,  0,   195, 160, 143, 214, 0});
  CHECK(turned(image, R"("degrees": [-100, -100], "interpolation": "bilinear")") ==
        Pixels{0,   128, 215, 138, 65,  3,   0,   123, 166, 181, 98, 39,  225, 163, 116,
               167, 127, 76,  70,  162, 108, 171, 152, 0,   129, 76, 130, 165, 165, 0});
  CHECK(turned(image, R"("degrees": [90, 90])") == Pixels{185, 45, 161, 21,  137, 0,   148, 253, 102, 207,
                                                          56,  0,  111, 205, 43,  137, 231, 0,   74,  157,
                                                          240, 67, 150, 0,   37,  109, 181, 253, 69,  0});
  for (const char* none : {R"("degrees": 0)", R"("degrees": [360, 360])", R"("degrees": 45, "prob": 0)"}) {
    INFO(none);
    CHECK(turned(image, none) == image.pixels);
  }
}

TEST_CASE("RandomRotation acts as often as it says, evenly over its range") {
  const Image image = test::gradient(16, 16, 3);
  const Pipeline half = rotation(R"("degrees": [180, 180], "prob": 0.3)");
  int count = 0;
  for (int i = 0; i < 1000; ++i) count += test::run(half, image, i).views[0].image().pixels != image.pixels;
  CHECK(count == Approx(300).margin(65));

  // A dark image but for a bright spot right of the middle, whose place tells the angle.
  Image spot;
  spot.reshape(101, 101, 1);
  for (int y = 49; y <= 51; ++y)
    for (int x = 89; x <= 91; ++x) spot.row(y)[x] = 255;
  const Pipeline some = rotation(R"("degrees": 45)");
  double sum = 0, squares = 0, most = 0;
  constexpr int kTrials = 2000;
  for (int i = 0; i < kTrials; ++i) {
    const Sample sample = test::run(some, spot, i);
    const Image& out = sample.views[0].image();
    double x = 0, y = 0, n = 0;
    for (int row = 0; row < 101; ++row)
      for (int column = 0; column < 101; ++column)
        if (out.row(row)[column]) x += column - 50, y += 50 - row, ++n;
    REQUIRE(n > 0);
    const double angle = std::atan2(y, x) * 180 / 3.14159265358979;
    sum += angle, squares += angle * angle, most = std::max(most, std::abs(angle));
  }
  CHECK(sum / kTrials == Approx(0).margin(3));
  CHECK(std::sqrt(squares / kTrials) == Approx(45 / std::sqrt(3)).margin(1.5));  // of a uniform number
  CHECK(most < 46.5);
  CHECK(most > 43);
}

TEST_CASE("RandomRotation: an image of one pixel stays, what cannot be is refused") {
  Image dot;
  dot.reshape(1, 1, 3);
  dot.pixels = {9, 8, 7};
  CHECK(turned(dot, R"("degrees": [33, 33])") == dot.pixels);
  CHECK_THROWS_WITH(rotation(R"("degrees": [30, -30])"), Contains("degrees") && Contains("lower number first"));
  CHECK_THROWS_WITH(rotation(R"("degrees": -1)"), Contains("degrees"));
  CHECK_THROWS_WITH(rotation(R"("degrees": 10, "interpolation": "bicubic")"), Contains("interpolation"));
  CHECK_THROWS_WITH(rotation(R"("prob": 1)"), Contains("degrees"));
}

}  // namespace selfsup::data
