// A procedural set: eight shapes on textured grounds, drawn on demand, labelled. Knows no files.
#pragma once
#include <array>
#include <vector>

#include "data/datasets/dataset.h"

namespace selfsup::data {

// Picture i is a function of (seed, i, image_size). The class (disc, ring, square, triangle, cross, star, crescent,
// bars) says nothing about colour, place, area, rotation or texture. Every pixel wholly inside the shape is brighter,
// or every one darker, than every pixel of the ground, by 0.25 of the range of luma (Rec. 601) or more.
class ShapesDataset : public Dataset {
 public:
  static constexpr int kClasses = 8;

  ShapesDataset(int64_t size, int image_size, uint64_t seed);
  using Dataset::load;
  int64_t size() const override { return size_; }
  int channels() const override { return 3; }
  ImageShape image_shape() const override { return {image_size_, image_size_, 3}; }
  bool has_labels() const override { return true; }
  int64_t label(int64_t index) const override;
  int64_t class_count() const override { return kClasses; }
  std::string describe(int64_t index) const override;
  void load(int64_t index, Image& out) const override;

  // Share of each pixel that the shape covers, row by row, 0 to 1.
  std::vector<float> coverage(int64_t index) const;

 private:
  struct Scene;
  Scene scene(int64_t index) const;

  int64_t size_;
  int image_size_;
  uint64_t seed_;
  std::array<double, kClasses> unit_area_radius_;  // the scale at which each shape has area 1
};

}  // namespace selfsup::data
