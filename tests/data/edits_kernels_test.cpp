// The loops of resampling, blur and colour edits, for every instruction set of this processor against the plain
// formula.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "base/random.h"
#include "data/edits/blur_kernels.h"
#include "data/edits/pixels.h"
#include "data/edits/resample_kernels.h"

namespace selfsup::data::resampling {
namespace {

using Bytes = std::vector<uint8_t>;

// Weights as filters have them: some negative, some a little above 1, zeros at the ends.
Taps random_taps(KeyedRandom& random, int in_size, int out_size) {
  Taps taps;
  taps.bits = random.below(2) ? 22 : 1 + static_cast<int>(random.below(22));
  taps.taps = 2 * (1 + static_cast<int>(random.below(8)));
  for (int i = 0; i < out_size; ++i) {
    taps.first.push_back(static_cast<int>(random.below(static_cast<uint64_t>(in_size))));
    std::vector<double> weights(static_cast<size_t>(taps.taps));
    double total = 0;
    for (double& w : weights) {
      w = random.below(3) ? random.uniform(-0.2, 0.4) : random.below(2) ? random.uniform(0.9, 1.1) : 0;
      total += std::abs(w);
    }
    for (int t = 0; t < taps.taps; ++t) {
      const double w = weights[static_cast<size_t>(t)] / std::max(1.0, total / 1.9);
      taps.weights.push_back(taps.first.back() + t < in_size ? static_cast<int32_t>(w * (1 << taps.bits)) : 0);
    }
  }
  taps.pack();
  taps.group();
  return taps;
}

// The sum of what `pixel` gives for each tap, rounded.
template <class Pixel>
uint8_t want(const Taps& taps, size_t i, const Pixel& pixel) {
  int64_t sum = int64_t{1} << (taps.bits - 1);
  for (int t = 0; t < taps.taps; ++t)
    if (taps.weights_of(i)[t] != 0) sum += int64_t{taps.weights_of(i)[t]} * pixel(taps.first[i] + t);
  return static_cast<uint8_t>(std::clamp<int64_t>(sum >> taps.bits, 0, 255));
}

}  // namespace

TEST_CASE("every instruction set resamples alike") {
  REQUIRE(kernels().back().name == std::string("portable"));
  for (const Kernels& kernel : kernels())
    for (uint64_t trial = 0; trial < 400; ++trial) {
      INFO(kernel.name << ", trial " << trial);
      KeyedRandom random(hash_key(3, trial));
      const int in_size = 1 + static_cast<int>(random.below(40)), out_size = 1 + static_cast<int>(random.below(50));
      const Taps taps = random_taps(random, in_size, out_size);
      const auto noise = [&](size_t count) {
        Bytes bytes(count);
        for (uint8_t& b : bytes) b = random.below(4) ? static_cast<uint8_t>(random.below(256)) : 255;
        return bytes;
      };
      // Exactly as much as may be read and written: the sanitizers see what is beyond.
      const size_t row_bytes = static_cast<size_t>(out_size) * 3;
      Bytes in[4], out[4];
      const uint8_t* rows[4];
      uint8_t* outs[4];
      for (size_t r = 0; r < 4; ++r) {
        in[r] = noise(static_cast<size_t>(in_size) * 3 + read_past(taps));
        out[r].resize(row_bytes + kWritePast);
        rows[r] = in[r].data(), outs[r] = out[r].data();
      }
      kernel.horizontal(rows, outs, out_size, taps);
      Bytes got, wanted;
      for (size_t r = 0; r < 4; ++r)
        for (size_t i = 0; i < row_bytes; ++i) {
          got.push_back(out[r][i]);
          wanted.push_back(want(taps, i / 3, [&](int x) { return in[r][static_cast<size_t>(x) * 3 + i % 3]; }));
        }
      REQUIRE(got == wanted);

      const size_t bytes = 1 + random.below(200), stride = (bytes + kBlock - 1) / kBlock * kBlock;
      const Bytes image = noise(static_cast<size_t>(in_size + taps.taps) * stride);
      for (size_t y = 0; y < static_cast<size_t>(out_size); ++y) {
        Bytes row(bytes), wanted_row(bytes);
        kernel.vertical(image.data(), stride, taps, y, row.data(), bytes);
        for (size_t i = 0; i < bytes; ++i)
          wanted_row[i] = want(taps, y, [&](int at) { return image[static_cast<size_t>(at) * stride + i]; });
        REQUIRE(row == wanted_row);
      }
    }
}

}  // namespace selfsup::data::resampling

namespace selfsup::data::blurring {

TEST_CASE("every instruction set blurs alike") {
  REQUIRE(kernels().back().name == std::string("portable"));
  for (const Kernels& kernel : kernels())
    for (uint64_t trial = 0; trial < 400; ++trial) {
      INFO(kernel.name << ", trial " << trial);
      KeyedRandom random(hash_key(5, trial));
      Window box;
      box.radius = static_cast<int>(random.below(random.below(2) ? 3 : 32));
      const uint32_t taps = 2 * static_cast<uint32_t>(box.radius) + 1, all = 1u << 24;
      // From the whole weight in the middle to no less in the ends than in the middle.
      box.whole = trial == 0 ? all / taps : static_cast<uint32_t>(random.uniform(all / (taps + 2.0), all / taps));
      box.part = (all - taps * box.whole) / 2;
      const size_t bytes = 1 + random.below(200), padded = (bytes + kBlock - 1) / kBlock * kBlock;
      // Exactly as much as may be read and written: the sanitizers see what is beyond.
      std::vector<std::vector<uint8_t>> lines(taps + 2, std::vector<uint8_t>(padded));
      std::vector<const uint8_t*> starts;
      for (std::vector<uint8_t>& line : lines) {
        for (uint8_t& b : line) b = random.below(4) ? static_cast<uint8_t>(random.below(256)) : 255;
        starts.push_back(line.data());
      }
      std::vector<uint8_t> got(bytes), wanted(bytes);
      kernel.box(starts.data(), box, got.data(), bytes);
      for (size_t i = 0; i < bytes; ++i) {
        uint64_t sum = uint64_t{box.part} * (lines.front()[i] + lines.back()[i]) + all / 2;
        for (size_t k = 1; k <= taps; ++k) sum += uint64_t{box.whole} * lines[k][i];
        wanted[i] = static_cast<uint8_t>(sum / all);
      }
      REQUIRE(got == wanted);
    }
}

}  // namespace selfsup::data::blurring

namespace selfsup::data::pixels {

TEST_CASE("every instruction set treats pixels alike") {
  REQUIRE(kernels().back().name == std::string("portable"));
  const Kernels& plain = kernels().back();
  for (const Kernels& kernel : kernels())
    for (uint64_t trial = 0; trial < 300; ++trial) {
      INFO(kernel.name << ", trial " << trial);
      KeyedRandom random(hash_key(4, trial));
      const size_t count = random.below(130), padded = (count + kGroup - 1) / kGroup * kGroup;
      const auto noise = [&](size_t size) {
        std::vector<uint8_t> bytes(size);
        for (uint8_t& b : bytes) b = random.below(4) ? static_cast<uint8_t>(random.below(256)) : 255;
        return bytes;
      };
      const auto planes_of = [&](std::vector<uint8_t>& memory) {
        return Planes{memory.data(), memory.data() + padded, memory.data() + 2 * padded};
      };
      // Exactly as much as may be read and written: the sanitizers see what is beyond.
      const std::vector<uint8_t> rgb = noise(3 * count), start = noise(3 * padded);
      std::vector<uint8_t> memory = start, got(3 * count);
      kernel.unpack(rgb.data(), planes_of(memory), count);
      for (size_t i = 0; i < 3 * count; ++i) REQUIRE(memory[i % 3 * padded + i / 3] == rgb[i]);
      kernel.pack(planes_of(memory), got.data(), count);
      REQUIRE(got == rgb);

      const std::vector<uint8_t> table = noise(256);
      kernel.look_up(table.data(), got.data(), got.size());
      for (size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == table[rgb[i]]);

      const auto as_plain = [&](const auto& edit) {
        std::vector<uint8_t> one = start, other = start;
        edit(kernel, planes_of(one));
        edit(plain, planes_of(other));
        return one == other;
      };
      constexpr float kFactors[] = {0, 1, 3e38f, 1e-38f};
      const float factor = trial < 4 ? kFactors[trial] : static_cast<float>(random.uniform(0, 3));
      const int shift = static_cast<int>(random.below(256));
      REQUIRE(as_plain([&](const Kernels& k, Planes planes) { k.saturation(planes, padded, factor); }));
      REQUIRE(as_plain([&](const Kernels& k, Planes planes) { k.hue(planes, padded, shift); }));
      REQUIRE(as_plain([&](const Kernels& k, Planes planes) { k.grey(planes, padded); }));
      std::vector<uint8_t> summed = start;
      REQUIRE(kernel.grey_sum(planes_of(summed), count) == plain.grey_sum(planes_of(summed), count));
    }
}

}  // namespace selfsup::data::pixels
