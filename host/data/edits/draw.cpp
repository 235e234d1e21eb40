#include "data/edits/draw.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "data/edits/affine.h"
#include "data/edits/blur.h"
#include "data/edits/colour.h"
#include "data/edits/resample.h"

namespace selfsup::data {
namespace {

// A crop or resize, flips, colours: what is done to a line before the next one is looked at.
struct Pass {
  explicit Pass(int channels) : colours(channels) {}
  const Edit* crop_resize = nullptr;
  bool flip_horizontal = false, flip_vertical = false;
  ColourChain colours;
  Statistic statistic;  // of what the pass leaves, for the edit behind it

  bool changes_nothing() const {
    return crop_resize == nullptr && !flip_horizontal && !flip_vertical && colours.empty();
  }
};

void flip(uint8_t* row, int width, int channels) {
  if (channels == 1) {
    std::reverse(row, row + width);
    return;
  }
  for (uint8_t *left = row, *right = row + 3 * (width - 1); left < right; left += 3, right -= 3)
    for (int c = 0; c < 3; ++c) std::swap(left[c], right[c]);
}

Resampler resampler(const Image& in, const Edit* edit) {
  if (edit == nullptr) return {in, {0, 0, in.height, in.width}, in.height, in.width, Interpolation::nearest};
  const auto number = [&](int i) { return static_cast<int>(edit->v[i]); };
  return {in,
          {number(0), number(1), number(2), number(3)},
          number(4),
          number(5),
          static_cast<Interpolation>(filter_of(*edit)),
          as_torchvision(*edit) ? Arithmetic::torchvision : Arithmetic::pillow};
}

void run(Pass& pass, const Image& in, Image& out) {
  const Resampler source = resampler(in, pass.crop_resize);
  if (pass.crop_resize != nullptr)
    out.reshape(static_cast<int>(pass.crop_resize->v[4]), static_cast<int>(pass.crop_resize->v[5]), in.channels);
  else
    out.reshape(in.height, in.width, in.channels);
  for (int y = 0; y < out.height; ++y) {
    uint8_t* row = out.row(pass.flip_vertical ? out.height - 1 - y : y);
    source.row(y, row);
    if (pass.flip_horizontal) flip(row, out.width, out.channels);
    pass.colours.run(row, out.width);
    if (pass.statistic.kind != Statistic::Kind::none) pass.statistic.add(row, out.width, out.channels);
  }
}

void look_at(const Image& image, Statistic& statistic) {
  for (int y = 0; y < image.height; ++y) statistic.add(image.row(y), image.width, image.channels);
}

void erase(const Edit& edit, const Image& in, Image& out) {
  out = in;
  const int top = std::clamp(static_cast<int>(edit.v[0]), 0, in.height);
  const int left = std::clamp(static_cast<int>(edit.v[1]), 0, in.width);
  const int bottom = std::clamp(static_cast<int>(edit.v[0] + edit.v[2]), top, in.height);
  const int right = std::clamp(static_cast<int>(edit.v[1] + edit.v[3]), left, in.width);
  const size_t channels = static_cast<size_t>(in.channels);
  for (int y = top; y < bottom; ++y)
    std::memset(out.row(y) + static_cast<size_t>(left) * channels, static_cast<int>(edit.v[4]),
                static_cast<size_t>(right - left) * channels);
}

void run_alone(const Edit& edit, const Image& in, Image& out) {
  if (edit.kind == SSP_EDIT_ERASE) return erase(edit, in, out);
  if (edit.kind == SSP_EDIT_BLUR)
    return as_torchvision(edit) ? blur_torchvision(in, edit.v[0], static_cast<int>(edit.v[1]), out)
                                : blur(in, edit.v[0], out);
  return filter_of(edit) == SSP_EDIT_NEAREST ? affine_nearest(in, edit.v, out) : affine_bilinear(in, edit.v, out);
}

bool stands_alone(const Edit& edit) {
  return edit.kind == SSP_EDIT_ERASE || edit.kind == SSP_EDIT_BLUR || edit.kind == SSP_EDIT_AFFINE;
}

}  // namespace

void draw(const Image& source, std::span<const Edit> edits, Image& out) {
  thread_local Image spare;
  const Image* at = &source;
  const auto other = [&]() -> Image& { return at == &out ? spare : out; };
  Statistic known;  // of *at
  for (size_t i = 0; i < edits.size();) {
    if (stands_alone(edits[i])) {
      Image& target = other();
      run_alone(edits[i++], *at, target);
      at = &target;
      continue;
    }
    Pass pass(source.channels);
    if (edits[i].kind == SSP_EDIT_CROP_RESIZE) pass.crop_resize = &edits[i++];
    for (; i < edits.size(); ++i) {
      const Edit& edit = edits[i];
      // A flip after colours is one before them.
      if (edit.kind == SSP_EDIT_FLIP_HORIZONTAL) {
        pass.flip_horizontal = !pass.flip_horizontal;
      } else if (edit.kind == SSP_EDIT_FLIP_VERTICAL) {
        pass.flip_vertical = !pass.flip_vertical;
      } else if (is_colour(edit)) {
        const Statistic::Kind needed = needed_by(edit);
        if (needed != Statistic::Kind::none && known.kind != needed) {
          pass.statistic.kind = needed;
          break;
        }
        pass.colours.add(edit, known);
        known.kind = Statistic::Kind::none;
      } else {
        break;
      }
    }
    if (pass.changes_nothing()) {
      look_at(*at, pass.statistic);
    } else {
      Image& target = other();
      run(pass, *at, target);
      at = &target;
    }
    known = pass.statistic;
  }
  if (at == &source) out = source;
  if (at == &spare) std::swap(out, spare);
}

}  // namespace selfsup::data
