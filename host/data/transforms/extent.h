// What is known of the size of an image that is not there yet. Knows no transform.
#pragma once
#include <algorithm>

#include "data/image.h"

namespace selfsup::data {

// A side in pixels: between the two, both included.
struct Side {
  int least = 1, most = kMaxImageSide;
  Side() = default;
  Side(int exact) : least(exact), most(exact) {}  // NOLINT: a number is a side
  Side(int at_least, int at_most) : least(at_least), most(at_most) {}
  bool known() const { return least == most; }
  bool operator==(const Side&) const = default;
};

struct Extent {
  Side height, width;
  bool known() const { return height.known() && width.known(); }
  ImageShape shape() const { return {height.most, width.most, 1}; }  // where it is known
  bool operator==(const Extent&) const = default;
};
inline Extent extent_of(const ImageShape& shape) { return {shape.height, shape.width}; }

// Where it is one or the other.
inline Side either(const Side& a, const Side& b) { return {std::min(a.least, b.least), std::max(a.most, b.most)}; }
inline Extent either(const Extent& a, const Extent& b) {
  return {either(a.height, b.height), either(a.width, b.width)};
}

}  // namespace selfsup::data
