#include "data/edits/resample.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "data/edits/resample_kernels.h"

namespace selfsup::data {
namespace {

using resampling::Taps;

const resampling::Kernels& kernels() { return resampling::kernels().front(); }

double bilinear_kernel(double x) {
  x = std::abs(x);
  return x < 1 ? 1 - x : 0;
}

double bicubic_kernel(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// The taps of an axis. Keeps its memory.
class Axis {
 public:
  void prepare(int in_size, int out_size, Interpolation interpolation, Arithmetic arithmetic);
  // Of the result mirrored.
  void mirror();
  // For rows of RGB. After all else.
  void group() { taps_.group(); }
  const Taps& taps() const { return taps_; }

 private:
  void choose_bits(Arithmetic arithmetic);
  void round(int in_size, size_t out_size);

  Taps taps_;
  std::vector<int> count_;  // of the exact weights, `stride_` a coordinate
  std::vector<double> exact_;
  size_t stride_ = 0;
};

void Axis::prepare(int in_size, int out_size, Interpolation interpolation, Arithmetic arithmetic) {
  const bool cubic = interpolation == Interpolation::bicubic;
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = (cubic ? 2.0 : 1.0) * filter_scale;
  const double inverse = 1.0 / filter_scale;
  const size_t size = static_cast<size_t>(out_size);
  stride_ = static_cast<size_t>(std::ceil(support)) * 2 + 1;
  taps_.first.resize(size);
  count_.resize(size);
  exact_.resize(size * stride_);
  for (size_t i = 0; i < size; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    const int taps = std::min(static_cast<int>(center + support + 0.5), in_size) - begin;
    double sum = 0;
    double* value = exact_.data() + i * stride_;
    for (int t = 0; t < taps; ++t) {
      const double x = (t + begin - center + 0.5) * inverse;
      value[t] = cubic ? bicubic_kernel(x) : bilinear_kernel(x);
      sum += value[t];
    }
    for (int t = 0; t < taps && sum != 0; ++t) value[t] /= sum;
    taps_.first[i] = begin;
    count_[i] = taps;
  }
  choose_bits(arithmetic);
  round(in_size, size);
}

void Axis::mirror() {
  const auto taps = static_cast<ptrdiff_t>(taps_.taps);
  const auto mirror_blocks = [taps](auto& values) {
    for (auto left = values.begin(), right = values.end() - taps; left < right; left += taps, right -= taps)
      std::swap_ranges(left, left + taps, right);
  };
  std::reverse(taps_.first.begin(), taps_.first.end());
  mirror_blocks(taps_.weights);
  mirror_blocks(taps_.words);
}

void Axis::choose_bits(Arithmetic arithmetic) {
  int& bits = taps_.bits = 22;
  if (arithmetic == Arithmetic::pillow) return;
  double largest = 0;
  for (size_t i = 0; i < count_.size(); ++i)
    for (int t = 0; t < count_[i]; ++t) largest = std::max(largest, exact_[i * stride_ + static_cast<size_t>(t)]);
  for (bits = 0; bits < 22 && 0.5 + largest * (1 << (bits + 1)) < (1 << 15);) ++bits;
}

// The same number of taps for all, without zeros at the ends that all of them have; where that reaches past the source,
// they begin earlier if they can.
void Axis::round(int in_size, size_t out_size) {
  const auto rounded = [this](double v) { return static_cast<int32_t>(v * (1 << taps_.bits) + (v < 0 ? -0.5 : 0.5)); };
  int most = 1;
  for (size_t i = 0; i < out_size; ++i) {
    const double* value = exact_.data() + i * stride_;
    int& count = count_[i];
    while (count > 1 && rounded(value[count - 1]) == 0) --count;
    most = std::max(most, count);
  }
  taps_.taps = (most + 1) / 2 * 2;
  taps_.weights.assign(out_size * static_cast<size_t>(taps_.taps), 0);
  for (size_t i = 0; i < out_size; ++i) {
    const double* value = exact_.data() + i * stride_;
    const int earlier = std::clamp(taps_.first[i] + taps_.taps - in_size, 0, taps_.first[i]);
    taps_.first[i] -= earlier;
    int32_t* w = taps_.weights.data() + i * static_cast<size_t>(taps_.taps) + earlier;
    for (int t = 0; t < count_[i]; ++t) w[t] = rounded(value[t]);
  }
  taps_.pack();
}

void horizontal_grey(const uint8_t* row, uint8_t* out, int width, const Taps& taps) {
  for (size_t x = 0; x < static_cast<size_t>(width); ++x) {
    const int32_t* w = taps.weights_of(x);
    const uint8_t* p = row + taps.first[x];
    int32_t sum = 1 << (taps.bits - 1);
    for (int t = 0; t < taps.taps; ++t)
      if (w[t] != 0) sum += w[t] * p[t];
    out[x] = static_cast<uint8_t>(std::clamp(sum >> taps.bits, 0, 255));
  }
}

void mirror(uint8_t* row, int width, int channels) {
  if (channels == 1) {
    std::reverse(row, row + width);
    return;
  }
  for (uint8_t *left = row, *right = row + 3 * (width - 1); left < right; left += 3, right -= 3)
    for (int c = 0; c < 3; ++c) std::swap(left[c], right[c]);
}

// What a thread keeps between calls: one Resampler is in use at a time.
struct Scratch {
  Axis horizontal, vertical;
  std::vector<uint8_t> rows;         // the box after the horizontal pass, rows padded to whole blocks and one more
  size_t stride = 0;                 // of rows
  std::vector<uint8_t> last, spare;  // copies of the image's last rows with bytes to spare; a row that nobody wants
  std::vector<int> columns, lines;   // nearest pixels, within the box

  uint8_t* row(int y) { return rows.data() + static_cast<size_t>(y) * stride; }
};

Scratch& scratch() {
  thread_local Scratch it;
  return it;
}

void horizontal_pass_rgb(const Image& in, Box box, int width, Scratch& s) {
  const Taps& taps = s.horizontal.taps();
  const size_t left = static_cast<size_t>(box.left) * 3, bytes = static_cast<size_t>(box.width) * 3;
  const size_t padded = bytes + resampling::read_past(taps);
  const uint8_t* end = in.pixels.data() + in.pixels.size();
  s.spare.resize(s.stride);
  s.last.resize(4 * padded);
  for (int y = 0; y < box.height; y += 4) {
    const uint8_t* rows[4];
    uint8_t* outs[4];
    for (int r = 0; r < 4; ++r) {
      const int at = std::min(y + r, box.height - 1);
      rows[r] = in.row(box.top + at) + left;
      outs[r] = y + r < box.height ? s.row(at) : s.spare.data();
      if (static_cast<size_t>(end - rows[r]) < padded) {  // what is past the end may not be ours
        uint8_t* copy = s.last.data() + static_cast<size_t>(r) * padded;
        std::memcpy(copy, rows[r], bytes);
        rows[r] = copy;
      }
    }
    kernels().horizontal(rows, outs, width, taps);
  }
}

void horizontal_pass(const Image& in, Box box, int width, Interpolation interpolation, Arithmetic arithmetic,
                     bool mirrored, Scratch& s) {
  const size_t channels = static_cast<size_t>(in.channels), left = static_cast<size_t>(box.left) * channels;
  if (width == box.width) {
    for (int y = 0; y < box.height; ++y)
      std::memcpy(s.row(y), in.row(box.top + y) + left, static_cast<size_t>(width) * channels);
    return;
  }
  s.horizontal.prepare(box.width, width, interpolation, arithmetic);
  if (mirrored) s.horizontal.mirror();
  if (in.channels == 3) s.horizontal.group();
  if (in.channels == 3) return horizontal_pass_rgb(in, box, width, s);
  for (int y = 0; y < box.height; ++y)
    horizontal_grey(in.row(box.top + y) + left, s.row(y), width, s.horizontal.taps());
}

// torchvision takes the pixel at the corner, not at the centre. Pillow adds up the scale; that its sum is not a product
// shows in some sizes.
void find_nearest(std::vector<int>& at, int in_size, int out_size, Arithmetic arithmetic) {
  at.resize(static_cast<size_t>(out_size));
  if (arithmetic == Arithmetic::torchvision) {
    const float scale = static_cast<float>(in_size) / static_cast<float>(out_size);
    for (int i = 0; i < out_size; ++i)
      at[static_cast<size_t>(i)] = std::min(static_cast<int>(static_cast<float>(i) * scale), in_size - 1);
    return;
  }
  const double scale = static_cast<double>(in_size) / out_size;
  double from = scale * 0.5;
  for (int i = 0; i < out_size; ++i, from += scale)
    at[static_cast<size_t>(i)] = std::min(static_cast<int>(from), in_size - 1);
}

}  // namespace

Resampler::Resampler(const Image& in, Box box, int height, int width, Interpolation interpolation,
                     Arithmetic arithmetic, bool mirrored)
    : in_(in), box_(box), height_(height), width_(width), way_(Way::passes), mirrored_(mirrored) {
  Scratch& s = scratch();
  if (height == box.height && width == box.width) {
    way_ = Way::copy;
  } else if (interpolation == Interpolation::nearest) {
    way_ = Way::nearest;
    find_nearest(s.columns, box.width, width, arithmetic);
    find_nearest(s.lines, box.height, height, arithmetic);
  } else {
    const size_t bytes = static_cast<size_t>(width) * static_cast<size_t>(in.channels);
    s.stride = (bytes / resampling::kBlock + 2) * resampling::kBlock;  // a whole block at least past the end
    int rows = box.height;
    if (height != box.height) {
      s.vertical.prepare(box.height, height, interpolation, arithmetic);
      rows = std::max(rows, s.vertical.taps().taps);  // those that are not there weigh nothing
    }
    const size_t needed = static_cast<size_t>(rows) * s.stride;
    if (s.rows.size() < needed) s.rows.resize(needed);
    horizontal_pass(in, box, width, interpolation, arithmetic, mirrored, s);
    if (width != box.width) mirrored_ = false;  // is done
  }
}

void Resampler::row(int y, uint8_t* out) const {
  const size_t channels = static_cast<size_t>(in_.channels), bytes = static_cast<size_t>(width_) * channels;
  const size_t left = static_cast<size_t>(box_.left) * channels;
  Scratch& s = scratch();
  if (way_ == Way::copy) {
    std::memcpy(out, in_.row(box_.top + y) + left, bytes);
  } else if (way_ == Way::nearest) {
    const uint8_t* row = in_.row(box_.top + s.lines[static_cast<size_t>(y)]) + left;
    for (size_t x = 0; x < static_cast<size_t>(width_); ++x)
      std::memcpy(out + x * channels, row + static_cast<size_t>(s.columns[x]) * channels, channels);
  } else if (height_ == box_.height) {
    std::memcpy(out, s.row(y), bytes);
  } else {
    kernels().vertical(s.rows.data(), s.stride, s.vertical.taps(), static_cast<size_t>(y), out, bytes);
  }
  if (mirrored_) mirror(out, width_, in_.channels);
}

}  // namespace selfsup::data
