#include "data/datasets/shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/random.h"
#include "config/schema.h"

namespace selfsup::data {
namespace {

constexpr double kPi = std::numbers::pi;

struct Point {
  double x, y;
};

double length(Point p) { return std::sqrt(p.x * p.x + p.y * p.y); }  // hypot guards against what cannot be here

double box(Point p, double half_width, double half_height) {
  return std::max(std::abs(p.x) - half_width, std::abs(p.y) - half_height);
}

// Signed distance, negative inside, of a shape about the size of the unit disc; exact near the outline except at
// corners.
double distance(int shape, Point p) {
  const double radius = length(p);
  switch (shape) {
    case 0:  // disc
      return radius - 1;
    case 1:  // ring
      return std::abs(radius - 0.75) - 0.25;
    case 2:  // square
      return box(p, 0.8, 0.8);
    case 3:  // triangle, standing on its base
      return std::max(p.y - 0.5, 0.5 * (-p.y + std::sqrt(3.0) * std::abs(p.x)) - 0.5);
    case 4:  // cross
      return std::min(box(p, 0.95, 0.3), box(p, 0.3, 0.95));
    case 5: {  // star with five points: the edge from a tip (1, 0) to the notch at 36 degrees and radius 0.42
      const double sector = 2 * kPi / 5;
      const double angle = std::abs(std::remainder(std::atan2(p.y, p.x), sector));
      const Point folded{radius * std::cos(angle), radius * std::sin(angle)};
      const Point edge{0.42 * std::cos(sector / 2) - 1, 0.42 * std::sin(sector / 2)};
      const double edge_length = length(edge);
      return ((folded.x - 1) * edge.y - folded.y * edge.x) / edge_length;
    }
    case 6:  // crescent
      return std::max(radius - 1, 0.8 - length({p.x - 0.45, p.y}));
    default:  // two bars
      return std::min(box({p.x - 0.6, p.y}, 0.3, 0.9), box({p.x + 0.6, p.y}, 0.3, 0.9));
  }
}

double area(int shape) {
  constexpr int kSteps = 160;
  constexpr double kSide = 2.4;
  int inside = 0;
  for (int y = 0; y < kSteps; ++y)
    for (int x = 0; x < kSteps; ++x)
      inside += distance(shape, {((x + 0.5) / kSteps - 0.5) * kSide, ((y + 0.5) / kSteps - 0.5) * kSide}) < 0;
  return inside * (kSide / kSteps) * (kSide / kSteps);
}

// A colour of the luma `luma`: a random grey-free direction, as far as the cube of colours allows, times `chroma`.
std::array<double, 3> colour_of_luma(double luma, double margin, KeyedRandom& random) {
  const double hue = random.uniform(0, 2 * kPi), chroma = random.uniform(0.2, 1.0);
  std::array<double, 3> direction{std::cos(hue), std::cos(hue - 2 * kPi / 3), std::cos(hue + 2 * kPi / 3)};
  const double shift = 0.299 * direction[0] + 0.587 * direction[1] + 0.114 * direction[2];
  double reach = 1;
  for (double& d : direction) {
    d -= shift;  // keeps the luma
    if (d > 0) reach = std::min(reach, (1 - margin - luma) / d);
    if (d < 0) reach = std::min(reach, (luma - margin) / -d);
  }
  std::array<double, 3> colour;
  for (size_t c = 0; c < 3; ++c) colour[c] = luma + direction[c] * std::max(reach, 0.0) * chroma;
  return colour;
}

// A colour with a grating: two sine waves whose sum stays within +-1.
struct Surface {
  std::array<double, 3> colour;
  double amplitude, kx[2], ky[2], phase[2], weight[2];
};

// The grating at the pixels of an image. sin(kx x + ky y + phase) is made of the sines and cosines of its two parts,
// so that the image costs sines by its sides, not by its area.
class Grating {
 public:
  Grating(const Surface& surface, int size) : columns_(static_cast<size_t>(size)), rows_(columns_.size()) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      const double at = (static_cast<double>(i) + 0.5) / size;
      for (size_t w = 0; w < 2; ++w) {
        const double across = surface.kx[w] * at + surface.phase[w], down = surface.ky[w] * at;
        const double height = surface.amplitude * surface.weight[w];
        columns_[i][w] = {height * std::sin(across), height * std::cos(across)};
        rows_[i][w] = {std::sin(down), std::cos(down)};
      }
    }
  }
  double at(int x, int y) const {
    const auto& column = columns_[static_cast<size_t>(x)];
    const auto& row = rows_[static_cast<size_t>(y)];
    double sum = 0;
    for (size_t w = 0; w < 2; ++w) sum += column[w].sine * row[w].cosine + column[w].cosine * row[w].sine;
    return sum;
  }

 private:
  struct Angle {
    double sine, cosine;
  };
  std::vector<std::array<Angle, 2>> columns_, rows_;
};

Surface make_surface(double luma, double amplitude, KeyedRandom& random) {
  Surface surface{colour_of_luma(luma, amplitude, random), amplitude, {}, {}, {}, {}};
  surface.weight[0] = random.uniform(0.3, 1.0);
  surface.weight[1] = 1 - surface.weight[0];
  for (int i = 0; i < 2; ++i) {
    const double angle = random.uniform(0, kPi), cycles = random.uniform(2, 9);  // across the image
    surface.kx[i] = 2 * kPi * cycles * std::cos(angle);
    surface.ky[i] = 2 * kPi * cycles * std::sin(angle);
    surface.phase[i] = random.uniform(0, 2 * kPi);
  }
  return surface;
}

}  // namespace

// Coordinates run from 0 to 1 across the image.
struct ShapesDataset::Scene {
  int shape;
  double center_x, center_y, radius, cosine, sine;
  Surface figure, ground;

  // Share of the pixel around (x, y), of side `pixel`, that the shape covers.
  double coverage(double x, double y, double pixel) const {
    const double dx = (x - center_x) / radius, dy = (y - center_y) / radius;
    if (dx * dx + dy * dy > 4) return 0;
    const double d = distance(shape, {cosine * dx + sine * dy, cosine * dy - sine * dx}) * radius / pixel;
    return std::clamp(0.5 - d, 0.0, 1.0);
  }
};

ShapesDataset::ShapesDataset(int64_t size, int image_size, uint64_t seed)
    : size_(size), image_size_(image_size), seed_(seed) {
  for (int shape = 0; shape < kClasses; ++shape)
    unit_area_radius_[static_cast<size_t>(shape)] = 1 / std::sqrt(area(shape));
}

int64_t ShapesDataset::label(int64_t index) const {
  return static_cast<int64_t>(KeyedRandom(hash_key(seed_, hash_name("shapes class"), index)).below(kClasses));
}

std::string ShapesDataset::describe(int64_t index) const {
  return fmt::format("shapes(seed {}) image {}", seed_, index);
}

ShapesDataset::Scene ShapesDataset::scene(int64_t index) const {
  KeyedRandom random(hash_key(seed_, hash_name("shapes"), index));
  Scene scene{};
  scene.shape = static_cast<int>(label(index));
  const double side = random.uniform(0.3, 0.5);  // of the square of equal area
  scene.radius = side * unit_area_radius_[static_cast<size_t>(scene.shape)];
  scene.center_x = random.uniform(0.3, 0.7);
  scene.center_y = random.uniform(0.3, 0.7);
  const double angle = random.uniform(0, 2 * kPi);
  scene.cosine = std::cos(angle);
  scene.sine = std::sin(angle);

  const double figure_amplitude = random.uniform(0.02, 0.12), ground_amplitude = random.uniform(0.02, 0.12);
  // One level of 255 more than promised, for rounding. Both surfaces stay inside the cube of colours, so nothing clips.
  const double least = 0.25 + 0.01 + figure_amplitude + ground_amplitude;
  const double gap = random.uniform(least, std::max(least, 0.6));
  const bool brighter = random.uniform() < 0.5;
  const double dark_amplitude = brighter ? ground_amplitude : figure_amplitude;
  const double bright_amplitude = brighter ? figure_amplitude : ground_amplitude;
  const double dark = random.uniform(dark_amplitude, 1 - bright_amplitude - gap);
  const double figure_luma = brighter ? dark + gap : dark, ground_luma = brighter ? dark : dark + gap;
  scene.figure = make_surface(figure_luma, figure_amplitude, random);
  scene.ground = make_surface(ground_luma, ground_amplitude, random);
  return scene;
}

void ShapesDataset::load(int64_t index, Image& out) const {
  const Scene s = scene(index);
  out.reshape(image_size_, image_size_, 3);
  const double pixel = 1.0 / image_size_;
  const Grating figure_grating(s.figure, image_size_), ground_grating(s.ground, image_size_);
  for (int y = 0; y < image_size_; ++y) {
    uint8_t* p = out.row(y);
    for (int x = 0; x < image_size_; ++x, p += 3) {
      const double share = s.coverage((x + 0.5) * pixel, (y + 0.5) * pixel, pixel);
      const double figure = share > 0 ? figure_grating.at(x, y) : 0;
      const double ground = share < 1 ? ground_grating.at(x, y) : 0;
      for (size_t c = 0; c < 3; ++c) {
        const double value = share * (s.figure.colour[c] + figure) + (1 - share) * (s.ground.colour[c] + ground);
        p[c] = static_cast<uint8_t>(std::clamp(value * 255 + 0.5, 0.0, 255.0));
      }
    }
  }
}

std::vector<float> ShapesDataset::coverage(int64_t index) const {
  const Scene s = scene(index);
  const double pixel = 1.0 / image_size_;
  std::vector<float> shares;
  for (int y = 0; y < image_size_; ++y)
    for (int x = 0; x < image_size_; ++x)
      shares.push_back(static_cast<float>(s.coverage((x + 0.5) * pixel, (y + 0.5) * pixel, pixel)));
  return shares;
}

DatasetType shapes() {
  return {{"shapes"},
          config::parse_schema(R"({
            "type": "object", "description": "procedural images of eight shapes, labelled, no files",
            "properties": {
              "type": {"type": "string"},
              "size": {"type": "integer", "minimum": 1, "maximum": 100000000, "description": "number of images"},
              "image_size": {"type": "integer", "minimum": 8, "maximum": 4096, "description": "height and width in pixels"},
              "seed": {"type": "integer", "default": 0, "description": "another seed, other images"}},
            "required": ["size", "image_size"]})",
                               "shapes"),
          [](const Json& spec, const Reading&) -> std::unique_ptr<Dataset> {
            return std::make_unique<ShapesDataset>(spec.get("size").as_int(),
                                                   static_cast<int>(spec.get("image_size").as_int()),
                                                   static_cast<uint64_t>(spec.get("seed").as_int()));
          },
          [](const Json& spec) {
            const int side = static_cast<int>(spec.get("image_size").as_int());
            return ImageShape{side, side, 3};
          }};
}

}  // namespace selfsup::data
