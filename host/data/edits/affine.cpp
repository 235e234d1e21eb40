#include "data/edits/affine.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace selfsup::data {
namespace {

void start(const Canvas& out) { std::memset(out.pixels, 0, out.row_bytes() * static_cast<size_t>(out.height)); }

void copy_pixel(const Image& in, int64_t from_x, int64_t from_y, const Canvas& out, int x, int y) {
  if (from_x < 0 || from_x >= in.width || from_y < 0 || from_y >= in.height) return;
  const size_t channels = static_cast<size_t>(in.channels);
  std::memcpy(out.row(y) + static_cast<size_t>(x) * channels,
              in.row(static_cast<int>(from_y)) + static_cast<size_t>(from_x) * channels, channels);
}

// Corners that 16 bits before the point can hold: Pillow's way for all maps that do more than scale.
bool fits_fixed_point(const double m[6], int x, int y) {
  return std::abs(x * m[0] + y * m[1] + m[2]) < 32768.0 && std::abs(x * m[3] + y * m[4] + m[5]) < 32768.0;
}

void fixed_point(const Image& in, const double m[6], const Canvas& out) {
  const auto fixed = [](double v) { return static_cast<int64_t>(std::floor(v * 65536.0 + 0.5)); };
  const int64_t a = fixed(m[0]), b = fixed(m[1]), d = fixed(m[3]), e = fixed(m[4]);
  int64_t c = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5), f = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
  for (int y = 0; y < out.height; ++y, c += b, f += e)
    for (int x = 0; x < out.width; ++x) copy_pixel(in, (c + x * a) >> 16, (f + x * d) >> 16, out, x, y);
}

void floating_point(const Image& in, const double m[6], const Canvas& out) {
  double row_x = m[2] + m[1] * 0.5 + m[0] * 0.5, row_y = m[5] + m[4] * 0.5 + m[3] * 0.5;
  for (int y = 0; y < out.height; ++y, row_x += m[1], row_y += m[4]) {
    double at_x = row_x, at_y = row_y;
    for (int x = 0; x < out.width; ++x, at_x += m[0], at_y += m[3])
      copy_pixel(in, at_x < 0 ? -1 : static_cast<int64_t>(at_x), at_y < 0 ? -1 : static_cast<int64_t>(at_y), out, x, y);
  }
}

double between(double a, double b, double share) { return a + share * (b - a); }

}  // namespace

void affine_nearest(const Image& in, const double m[6], const Canvas& out) {
  start(out);
  const bool scales_only = m[1] == 0 && m[3] == 0;
  const bool fits = !scales_only && fits_fixed_point(m, 0, 0) && fits_fixed_point(m, out.width, out.height) &&
                    fits_fixed_point(m, 0, out.height) && fits_fixed_point(m, out.width, 0);
  return fits ? fixed_point(in, m, out) : floating_point(in, m, out);
}

void affine_bilinear(const Image& in, const double m[6], const Canvas& out) {
  start(out);
  const size_t channels = static_cast<size_t>(in.channels);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const double center_x = x + 0.5, center_y = y + 0.5;
      double at_x = m[0] * center_x + m[1] * center_y + m[2], at_y = m[3] * center_x + m[4] * center_y + m[5];
      if (!(at_x >= 0 && at_x < in.width && at_y >= 0 && at_y < in.height)) continue;
      at_x -= 0.5, at_y -= 0.5;
      const int left = static_cast<int>(std::floor(at_x)), top = static_cast<int>(std::floor(at_y));
      const double dx = at_x - left, dy = at_y - top;
      const uint8_t* upper = in.row(std::max(top, 0));
      const uint8_t* lower = top + 1 < in.height ? in.row(top + 1) : nullptr;
      const size_t x0 = static_cast<size_t>(std::max(left, 0)) * channels;
      const size_t x1 = static_cast<size_t>(std::min(left + 1, in.width - 1)) * channels;
      for (size_t c = 0; c < channels; ++c) {
        const double first = between(upper[x0 + c], upper[x1 + c], dx);
        const double second = lower ? between(lower[x0 + c], lower[x1 + c], dx) : first;
        out.row(y)[static_cast<size_t>(x) * channels + c] = static_cast<uint8_t>(between(first, second, dy));
      }
    }
  }
}

}  // namespace selfsup::data
