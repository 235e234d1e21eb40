#include "data/datasets/shapes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

namespace selfsup::data {
namespace {

double luma(const uint8_t* p) { return (0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]) / 255; }

// Accuracy of the weighted nearest-neighbour probe (cosine, k = 20, T = 0.07) on raw pixels.
double raw_knn(const ShapesDataset& set, int64_t bank, int64_t queries) {
  const auto vector_of = [&](int64_t i) {
    const Image image = set.load(i);
    std::vector<float> v(image.pixels.begin(), image.pixels.end());
    const float norm = std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0f));
    for (float& x : v) x /= norm;
    return v;
  };
  std::vector<std::vector<float>> rows;
  for (int64_t i = 0; i < bank; ++i) rows.push_back(vector_of(i));
  int right = 0;
  for (int64_t q = bank; q < bank + queries; ++q) {
    const std::vector<float> query = vector_of(q);
    std::vector<std::pair<float, int64_t>> found;
    for (int64_t i = 0; i < bank; ++i) {
      float sum[16] = {};
      const float* row = rows[static_cast<size_t>(i)].data();
      for (size_t j = 0; j < query.size(); j += 16)
        for (size_t l = 0; l < 16; ++l) sum[l] += query[j + l] * row[j + l];
      found.emplace_back(std::accumulate(sum, sum + 16, 0.0f), set.label(i));
    }
    std::partial_sort(found.begin(), found.begin() + 20, found.end(), std::greater<>());
    double votes[ShapesDataset::kClasses] = {};
    for (int k = 0; k < 20; ++k)
      votes[found[static_cast<size_t>(k)].second] += std::exp(found[static_cast<size_t>(k)].first / 0.07);
    right += std::max_element(votes, votes + ShapesDataset::kClasses) - votes == set.label(q);
  }
  return static_cast<double>(right) / static_cast<double>(queries);
}

}  // namespace

TEST_CASE("a shape is brighter or darker than its ground by a quarter at least, in every pixel") {
  for (int size : {24, 32, 96}) {
    const ShapesDataset set(300, size, 5);
    int brighter = 0;
    for (int64_t i = 0; i < set.size(); ++i) {
      INFO("size " << size << " picture " << i);
      const Image image = set.load(i);
      const std::vector<float> shares = set.coverage(i);
      double figure_low = 1, figure_high = 0, ground_low = 1, ground_high = 0;
      int figure = 0, ground = 0;
      for (size_t p = 0; p < shares.size(); ++p) {
        const double value = luma(&image.pixels[3 * p]);
        if (shares[p] == 1) {
          figure_low = std::min(figure_low, value), figure_high = std::max(figure_high, value);
          ++figure;
        } else if (shares[p] == 0) {
          ground_low = std::min(ground_low, value), ground_high = std::max(ground_high, value);
          ++ground;
        }
      }
      REQUIRE(figure > 0);
      REQUIRE(ground > 0);
      const bool is_brighter = figure_low > ground_high;
      brighter += is_brighter;
      REQUIRE((is_brighter ? figure_low - ground_high : ground_low - figure_high) >= 0.25);
    }
    CHECK(brighter > 100);
    CHECK(brighter < 200);
  }
}

TEST_CASE("colour, place and area of a shape say nothing about its class") {
  const ShapesDataset set(8000, 32, 11);
  // Per class: mean luma, mean of each colour, centre of gravity, area. Their means may differ by chance only.
  constexpr int kFeatures = 7;
  double sum[ShapesDataset::kClasses][kFeatures] = {}, square[kFeatures] = {}, total[kFeatures] = {};
  int count[ShapesDataset::kClasses] = {};
  for (int64_t i = 0; i < set.size(); ++i) {
    const Image image = set.load(i);
    const std::vector<float> shares = set.coverage(i);
    double f[kFeatures] = {};
    for (size_t p = 0; p < shares.size(); ++p) {
      f[0] += luma(&image.pixels[3 * p]);
      for (size_t c = 0; c < 3; ++c) f[1 + c] += image.pixels[3 * p + c];
      f[4] += shares[p] * static_cast<double>(p / 32);
      f[5] += shares[p] * static_cast<double>(p % 32);
      f[6] += shares[p];
    }
    f[4] /= f[6], f[5] /= f[6];
    const int64_t label = set.label(i);
    ++count[label];
    for (int k = 0; k < kFeatures; ++k) sum[label][k] += f[k], total[k] += f[k], square[k] += f[k] * f[k];
  }
  const double n = static_cast<double>(set.size());
  for (int k = 0; k < kFeatures; ++k) {
    const double mean = total[k] / n, deviation = std::sqrt(square[k] / n - mean * mean);
    for (int label = 0; label < ShapesDataset::kClasses; ++label) {
      INFO("feature " << k << " class " << label);
      CHECK(count[label] > 850);
      CHECK(count[label] < 1150);
      // Four standard errors; a tenth of a deviation for what the outline does to area and centre.
      CHECK(std::abs(sum[label][k] / count[label] - mean) <
            deviation * (4 / std::sqrt(count[label]) + (k >= 4 ? 0.1 : 0)));
    }
  }
}

TEST_CASE("raw pixels do not give the shapes away") {
  const double accuracy = raw_knn(ShapesDataset(4400, 32, 0), 4000, 400);
  CHECK(accuracy <= 0.35);
  CHECK(accuracy > 0.125);  // the probe works: above chance
}

TEST_CASE("a picture is a function of seed, index and size") {
  const ShapesDataset set(100, 32, 3), longer(5000, 32, 3), other(100, 32, 4);
  CHECK(set.load(17).pixels == longer.load(17).pixels);
  CHECK(set.label(17) == longer.label(17));
  CHECK(set.load(17).pixels != other.load(17).pixels);
  CHECK(set.load(17).pixels != set.load(18).pixels);
}

}  // namespace selfsup::data
