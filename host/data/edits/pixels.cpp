#include "data/edits/pixels.h"

#include <cmath>
#include <vector>

#include "data/edits/vectors.h"

// Compiled without contraction of a * b + c into one rounding (host/CMakeLists.txt): the results would not be Pillow's.
namespace selfsup::data::pixels {
namespace {

struct Colour {
  int r, g, b;
};

Colour get(Planes p, size_t i) { return {p.red[i], p.green[i], p.blue[i]}; }

void set(Planes p, size_t i, int r, int g, int b) {
  p.red[i] = static_cast<uint8_t>(r), p.green[i] = static_cast<uint8_t>(g), p.blue[i] = static_cast<uint8_t>(b);
}

inline int grey_of(int r, int g, int b) { return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16; }

// Between grey and value, or beyond; truncated.
inline int blend(int from, int to, float factor) {
  float value = static_cast<float>(from) + factor * static_cast<float>(to - from);
  value = value < 0 ? 0 : value;
  value = value > 255 ? 255 : value;
  return static_cast<int>(value);
}

inline int max(int a, int b) { return a > b ? a : b; }
inline int min(int a, int b) { return a < b ? a : b; }
inline int mask(bool b) { return -static_cast<int>(b); }

// Grey in every channel, and the sum of the greys: what is called grey, of(r, g, b), differs.
template <class Grey>
void set_greys(Planes planes, size_t count, const Grey& of) {
  for (size_t i = 0; i < count; ++i) {
    const auto [r, g, b] = get(planes, i);
    const int grey = of(r, g, b);
    set(planes, i, grey, grey, grey);
  }
}

template <class Grey>
uint64_t sum_of_greys(Planes planes, size_t count, const Grey& of) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto [r, g, b] = get(planes, i);
    sum += static_cast<uint64_t>(of(r, g, b));
  }
  return sum;
}

namespace portable {

void unpack(const uint8_t* rgb, Planes planes, size_t count) {
  for (size_t i = 0; i < count; ++i) set(planes, i, rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

void pack(Planes planes, uint8_t* rgb, size_t count) {
  for (size_t i = 0; i < count; ++i)
    rgb[3 * i] = planes.red[i], rgb[3 * i + 1] = planes.green[i], rgb[3 * i + 2] = planes.blue[i];
}

void look_up(const uint8_t* table, uint8_t* values, size_t count) {
  for (size_t i = 0; i < count; ++i) values[i] = table[values[i]];
}

void saturation(Planes planes, size_t count, float factor) {
  for (size_t i = 0; i < count; ++i) {
    const auto [r, g, b] = get(planes, i);
    const int grey = grey_of(r, g, b);
    set(planes, i, blend(grey, r, factor), blend(grey, g, factor), blend(grey, b, factor));
  }
}

void grey(Planes planes, size_t count) {
  set_greys(planes, count, [](int r, int g, int b) { return grey_of(r, g, b); });
}

uint64_t grey_sum(Planes planes, size_t count) {
  return sum_of_greys(planes, count, [](int r, int g, int b) { return grey_of(r, g, b); });
}

// To HSV of 8 bits, a shift of the hue, and back: colorsys with Pillow's roundings. Pillow computes in double; in float
// the same numbers come out for all colours, which a test shows.
void hue(Planes planes, size_t count, int shift) {
  for (size_t i = 0; i < count; ++i) {
    const auto [r, g, b] = get(planes, i);
    const int largest = max(max(r, g), b), smallest = min(min(r, g), b), range = largest - smallest;
    // The largest channel tells a third of the circle; the middle one, how far from that third's middle.
    const int is_red = mask(r == largest), is_green = mask(g == largest) & ~is_red, is_blue = ~(is_red | is_green);
    const int first = (is_red & b) | (is_green & r) | (is_blue & g),
              second = (is_red & g) | (is_green & b) | (is_blue & r);
    const int rising = first == smallest, sign = 1 - 2 * rising;
    const int start = (is_green & 2) + (is_blue & 4) - sign;
    const float share =
        static_cast<float>(largest - (rising ? second : first)) / static_cast<float>(range + (range == 0));
    const float sixths = static_cast<float>(start) + static_cast<float>(sign) * share;
    const float signed_turns = sixths / 6.0f, turns = signed_turns + static_cast<float>(signed_turns < 0);
    // 255 turns, cut off exactly: the product has more bits than a float.
    const int rough = static_cast<int>(turns * 255.0f);
    const float upper = static_cast<float>(static_cast<int>(turns * 4096.0f)) / 4096.0f;
    const float rest = (upper * 255.0f - static_cast<float>(rough)) + (turns - upper) * 255.0f;
    const int h = (rough - (rest < 0) + shift) & 255;
    const float v = static_cast<float>(largest);
    const int s = static_cast<int>(static_cast<float>(range) / static_cast<float>(largest + (largest == 0)) * 255.0f);

    const int sixth = (h * (6 * 257) + 257) >> 16;  // 6 h / 255
    const float fs = static_cast<float>(s) / 255.0f, f = static_cast<float>(h * 6 - sixth * 255) / 255.0f;
    const int low = static_cast<int>(v * (1.0f - fs) + 0.5f);
    const int falling = static_cast<int>(v * (1.0f - fs * f) + 0.5f);
    const int climbing = static_cast<int>(v * (1.0f - fs * (1.0f - f)) + 0.5f);
    // Masks: of a chain of conditions the compiler makes branches.
    const int which = sixth == 6 ? 0 : sixth;
    const int in0 = mask(which == 0), in1 = mask(which == 1), in2 = mask(which == 2), in3 = mask(which == 3),
              in4 = mask(which == 4), in5 = mask(which == 5);
    const int new_r = (in1 & falling) | (in4 & climbing) | ((in2 | in3) & low) | ((in0 | in5) & largest);
    const int new_g = (in3 & falling) | (in0 & climbing) | ((in4 | in5) & low) | ((in1 | in2) & largest);
    const int new_b = (in5 & falling) | (in2 & climbing) | ((in0 | in1) & low) | ((in3 | in4) & largest);
    set(planes, i, new_r, new_g, new_b);
  }
}

}  // namespace portable
}  // namespace

Kernels portable_kernels() {
  using namespace portable;
  return {"portable", unpack, pack, look_up, saturation, hue, grey, grey_sum};
}

std::span<const Kernels> kernels() {
  static const std::vector<Kernels> found = [] {
    std::vector<Kernels> list;
#if defined(__x86_64__)
    if (has_newer_avx512()) list.push_back(avx512_kernels());
    if (has_avx2()) list.push_back(avx2_kernels());
#endif
    list.push_back(portable_kernels());
    return list;
  }();
  return found;
}

void weighted_grey(Planes planes, size_t count, const double weights[3]) {
  set_greys(planes, count, [weights](int r, int g, int b) {
    const double sum = weights[0] * r + weights[1] * g + weights[2] * b;
    return static_cast<int>(sum > 255 ? 255 : sum);
  });
}

namespace torchvision {
namespace {

// LibTorch adds multiples with one rounding.
inline int grey_of(int r, int g, int b) {
  const float two = std::fma(static_cast<float>(g), 0.587f, static_cast<float>(r) * 0.2989f);
  return static_cast<int>(std::fma(static_cast<float>(b), 0.114f, two));
}

inline float clamp01(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

}  // namespace

void grey(Planes planes, size_t count) {
  set_greys(planes, count, [](int r, int g, int b) { return grey_of(r, g, b); });
}

uint64_t grey_sum(Planes planes, size_t count) {
  return sum_of_greys(planes, count, [](int r, int g, int b) { return grey_of(r, g, b); });
}

void saturation(Planes planes, size_t count, double factor) {
  const float own = static_cast<float>(factor), other = static_cast<float>(1.0 - factor);
  const auto blended = [&](int value, int grey) {
    const float sum = std::fma(static_cast<float>(grey), other, static_cast<float>(value) * own);
    return static_cast<int>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  };
  for (size_t i = 0; i < count; ++i) {
    const auto [r, g, b] = get(planes, i);
    const int grey = grey_of(r, g, b);
    set(planes, i, blended(r, grey), blended(g, grey), blended(b, grey));
  }
}

// In float between 0 and 1 all the way.
void hue(Planes planes, size_t count, double shift) {
  for (size_t i = 0; i < count; ++i) {
    constexpr float kUnit = static_cast<float>(1.0 / 255);
    const Colour colour = get(planes, i);
    const float r = static_cast<float>(colour.r) * kUnit, g = static_cast<float>(colour.g) * kUnit,
                b = static_cast<float>(colour.b) * kUnit;
    const float largest = r > g ? (r > b ? r : b) : (g > b ? g : b),
                smallest = r < g ? (r < b ? r : b) : (g < b ? g : b);
    const float range = largest - smallest, s = range == 0 ? 0 : range / largest, divisor = range == 0 ? 1 : range;
    const float rc = (largest - r) / divisor, gc = (largest - g) / divisor, bc = (largest - b) / divisor;
    float h = largest == r ? bc - gc : largest == g ? rc + 2.0f - bc : gc + 4.0f - rc;
    h = h * static_cast<float>(1.0 / 6.0) + 1.0f;
    h -= static_cast<float>(static_cast<int>(h));
    h += static_cast<float>(shift);
    h = h < 0 ? h + 1.0f : h >= 1 ? h - 1.0f : h;
    const float h6 = h * 6;
    const int sixth = static_cast<int>(h6);
    const float f = h6 - static_cast<float>(sixth), sf = s * f, rest = 1.0f - s;
    const float q = clamp01((1.0f - sf) * largest), t = clamp01((sf + rest) * largest), p = clamp01(rest * largest);
    const float table[3][6] = {
        {largest, q, p, p, t, largest}, {t, largest, largest, q, p, p}, {p, p, t, largest, largest, q}};
    const auto to_u8 = [](float x) { return static_cast<int>(x * 255.999f); };
    set(planes, i, to_u8(table[0][sixth % 6]), to_u8(table[1][sixth % 6]), to_u8(table[2][sixth % 6]));
  }
}

}  // namespace torchvision
}  // namespace selfsup::data::pixels
