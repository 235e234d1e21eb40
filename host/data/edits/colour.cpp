#include "data/edits/colour.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/edits/pixels.h"

namespace selfsup::data {
namespace {

using Table = std::array<std::array<uint8_t, 256>, 3>;
using Line = std::array<uint8_t, 256>;

template <class Function>
Line line(const Function& of) {
  Line values;
  for (int x = 0; x < 256; ++x) values[static_cast<size_t>(x)] = static_cast<uint8_t>(of(x));
  return values;
}

Table same(const Line& values) { return {values, values, values}; }

// Pillow's Image.blend: single precision, truncated.
Line blended(int from, double factor) {
  const float f = static_cast<float>(factor);
  return line(
      [&](int x) { return std::clamp(static_cast<float>(from) + f * static_cast<float>(x - from), 0.0f, 255.0f); });
}

Line contrast(const Edit& edit, const Statistic& of) {
  if (of.kind == Statistic::Kind::grey)
    return blended(static_cast<int>(static_cast<double>(of.grey_sum) / static_cast<double>(of.pixels) + 0.5),
                   edit.v[0]);
  const float mean = static_cast<float>(of.grey_sum) / static_cast<float>(of.pixels);
  const float own = static_cast<float>(edit.v[0]), other = static_cast<float>(1.0 - edit.v[0]);
  return line([&](int x) { return std::clamp(std::fma(mean, other, static_cast<float>(x) * own), 0.0f, 255.0f); });
}

Line identity() {
  return line([](int x) { return x; });
}

Line autocontrast(const std::array<uint64_t, 256>& histogram) {
  int low = 0, high = 255;
  while (low < 255 && histogram[static_cast<size_t>(low)] == 0) ++low;
  while (high > 0 && histogram[static_cast<size_t>(high)] == 0) --high;
  if (high <= low) return identity();
  const double scale = 255.0 / (high - low), offset = -low * scale;
  return line([&](int x) { return std::clamp(static_cast<int>(x * scale + offset), 0, 255); });
}

Line equalize(const std::array<uint64_t, 256>& histogram) {
  uint64_t sum = 0, last = 0;
  for (const uint64_t count : histogram)
    if (count > 0) sum += count, last = count;
  const uint64_t step = (sum - last) / 255;
  if (step == 0) return identity();
  uint64_t n = step / 2;
  return line([&](int x) {
    const uint64_t value = n / step;
    n += histogram[static_cast<size_t>(x)];
    return std::min<uint64_t>(value, 255);
  });
}

// Edits that are a function of one channel's value alone.
bool table_of(const Edit& edit, const Statistic& statistic, Table& table) {
  const double v = edit.v[0];
  switch (edit.kind) {
    case SSP_EDIT_BRIGHTNESS:
      table = same(blended(0, v));
      return true;
    case SSP_EDIT_CONTRAST:
      table = same(contrast(edit, statistic));
      return true;
    case SSP_EDIT_SOLARIZE:
      table = same(line([&](int x) { return x < v ? x : 255 - x; }));
      return true;
    case SSP_EDIT_POSTERIZE:
      table = same(line([&](int x) { return x & ~((1 << (8 - static_cast<int>(v))) - 1); }));
      return true;
    case SSP_EDIT_INVERT:
      table = same(line([](int x) { return 255 - x; }));
      return true;
    case SSP_EDIT_GAMMA:
      table = same(line([&](int x) { return std::floor(255 * std::pow(x / 255.0, v) + 0.5); }));
      return true;
    case SSP_EDIT_AUTOCONTRAST:
      for (size_t c = 0; c < 3; ++c) table[c] = autocontrast(statistic.histogram[c]);
      return true;
    case SSP_EDIT_EQUALIZE:
      for (size_t c = 0; c < 3; ++c) table[c] = equalize(statistic.histogram[c]);
      return true;
    default:
      return false;
  }
}

const pixels::Kernels& kernels() { return pixels::kernels().front(); }

// What a thread keeps between calls: the channels of a row.
pixels::Planes planes_for(size_t count) {
  thread_local std::vector<uint8_t> memory;
  const size_t padded = (count + pixels::kGroup - 1) / pixels::kGroup * pixels::kGroup;
  if (memory.size() < 3 * padded) memory.resize(3 * padded);
  return {memory.data(), memory.data() + padded, memory.data() + 2 * padded};
}

void run_step(const Edit& edit, pixels::Planes planes, size_t count) {
  const bool torchvision = as_torchvision(edit);
  switch (edit.kind) {
    case SSP_EDIT_SATURATION:
      if (torchvision) return pixels::torchvision::saturation(planes, count, edit.v[0]);
      return kernels().saturation(planes, count, static_cast<float>(edit.v[0]));
    case SSP_EDIT_HUE:
      if (torchvision) return pixels::torchvision::hue(planes, count, edit.v[0]);
      return kernels().hue(planes, count, static_cast<int>(edit.v[0] * 255) & 255);
    case SSP_EDIT_GREY:
      if (edit.v[0] != 0 || edit.v[1] != 0 || edit.v[2] != 0) return pixels::weighted_grey(planes, count, edit.v);
      if (torchvision) return pixels::torchvision::grey(planes, count);
      return kernels().grey(planes, count);
  }
}

}  // namespace

Statistic::Kind needed_by(const Edit& edit) {
  if (edit.kind == SSP_EDIT_CONTRAST)
    return as_torchvision(edit) ? Statistic::Kind::torchvision_grey : Statistic::Kind::grey;
  if (edit.kind == SSP_EDIT_AUTOCONTRAST || edit.kind == SSP_EDIT_EQUALIZE) return Statistic::Kind::histogram;
  return Statistic::Kind::none;
}

void Statistic::add(const uint8_t* row, int width, int channels) {
  const size_t count = static_cast<size_t>(width);
  pixels += count;
  if (kind == Kind::histogram) {
    const size_t step = static_cast<size_t>(channels);
    for (size_t i = 0; i < count * step; i += step)
      for (size_t c = 0; c < step; ++c) ++histogram[c][row[i + c]];
  } else if (channels == 1) {
    for (size_t i = 0; i < count; ++i) grey_sum += row[i];
  } else {
    const pixels::Planes planes = planes_for(count);
    kernels().unpack(row, planes, count);
    grey_sum += kind == Kind::grey ? kernels().grey_sum(planes, count) : pixels::torchvision::grey_sum(planes, count);
  }
}

void ColourChain::add(const Edit& edit, const Statistic& statistic) {
  Table table;
  if (table_of(edit, statistic, table))
    add_table(table);
  else if (channels_ == 3)  // on one channel these change nothing
    steps_.push_back({edit, {}});
}

void ColourChain::add_table(const Table& table) {
  if (!steps_.empty() && steps_.back().edit.kind == 0) {
    for (size_t c = 0; c < 3; ++c)
      for (uint8_t& value : steps_.back().table[c]) value = table[c][value];
  } else {
    steps_.push_back({{}, table});
  }
}

void ColourChain::run(uint8_t* row, int width) const {
  const size_t count = static_cast<size_t>(width);
  if (steps_.empty()) return;
  const Table& first = steps_[0].table;
  if (steps_.size() == 1 && steps_[0].edit.kind == 0 &&
      (channels_ == 1 || (first[0] == first[1] && first[1] == first[2])))
    return kernels().look_up(first[0].data(), row, count * static_cast<size_t>(channels_));
  const pixels::Planes planes = planes_for(count);
  const size_t padded = (count + pixels::kGroup - 1) / pixels::kGroup * pixels::kGroup;
  kernels().unpack(row, planes, count);
  for (const Step& step : steps_) {
    if (step.edit.kind == 0) {
      kernels().look_up(step.table[0].data(), planes.red, padded);
      kernels().look_up(step.table[1].data(), planes.green, padded);
      kernels().look_up(step.table[2].data(), planes.blue, padded);
    } else {
      run_step(step.edit, planes, padded);
    }
  }
  kernels().pack(planes, row, count);
}

}  // namespace selfsup::data
