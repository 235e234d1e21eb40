#include "data/edits/draw.h"

#include <algorithm>
#include <cstring>
#include <optional>
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
  std::optional<Edit> crop_resize;
  bool flip_horizontal = false, flip_vertical = false;
  ColourChain colours;
  Statistic statistic;  // of what the pass leaves, for the edit behind it

  bool moves_pixels() const { return crop_resize || flip_horizontal || flip_vertical; }
};

Resampler resampler(const Image& in, const Edit& edit, bool mirrored) {
  const auto number = [&](int i) { return static_cast<int>(edit.v[i]); };
  return {in,
          {number(0), number(1), number(2), number(3)},
          number(4),
          number(5),
          static_cast<Interpolation>(filter_of(edit)),
          as_torchvision(edit) ? Arithmetic::torchvision : Arithmetic::pillow,
          mirrored};
}

constexpr int kPixelsAtOnce = 2048;  // lines of so many pixels stay near the processor from one step to the next

// Of a pass, once its pixels are where they belong: `count` of them.
void colour(Pass& pass, uint8_t* pixels, int count, int channels) {
  pass.colours.run(pixels, count);
  if (pass.statistic.kind != Statistic::Kind::none) pass.statistic.add(pixels, count, channels);
}

int lines_at_once(int width) { return std::max(1, kPixelsAtOnce / width); }

void run(Pass& pass, const Image& in, const Edit& crop_resize, const Canvas& out) {
  const Resampler source = resampler(in, crop_resize, pass.flip_horizontal);
  for (int top = 0; top < out.height; top += lines_at_once(out.width)) {
    const int lines = std::min(lines_at_once(out.width), out.height - top);
    for (int y = top; y < top + lines; ++y) source.row(pass.flip_vertical ? out.height - 1 - y : y, out.row(y));
    colour(pass, out.row(top), lines * out.width, out.channels);
  }
}

void run_in_place(Pass& pass, const Canvas& image) {
  for (int top = 0; top < image.height; top += lines_at_once(image.width))
    colour(pass, image.row(top), std::min(lines_at_once(image.width), image.height - top) * image.width,
           image.channels);
}

void look_at(const Image& image, Statistic& statistic) {
  for (int y = 0; y < image.height; ++y) statistic.add(image.row(y), image.width, image.channels);
}

void erase(const Edit& edit, const Image& in, const Canvas& out) {
  std::copy(in.pixels.begin(), in.pixels.end(), out.pixels);
  const int top = std::clamp(static_cast<int>(edit.v[0]), 0, in.height);
  const int left = std::clamp(static_cast<int>(edit.v[1]), 0, in.width);
  const int bottom = std::clamp(static_cast<int>(edit.v[0] + edit.v[2]), top, in.height);
  const int right = std::clamp(static_cast<int>(edit.v[1] + edit.v[3]), left, in.width);
  const size_t channels = static_cast<size_t>(in.channels);
  for (int y = top; y < bottom; ++y)
    std::memset(out.row(y) + static_cast<size_t>(left) * channels, static_cast<int>(edit.v[4]),
                static_cast<size_t>(right - left) * channels);
}

void run_alone(const Edit& edit, const Image& in, const Canvas& out) {
  switch (edit.kind) {
    case SSP_EDIT_BLUR:
      if (as_torchvision(edit)) return blur_torchvision(in, edit.v[0], static_cast<int>(edit.v[1]), out);
      return blur(in, edit.v[0], out);
    case SSP_EDIT_AFFINE:
      return filter_of(edit) == SSP_EDIT_NEAREST ? affine_nearest(in, edit.v, out) : affine_bilinear(in, edit.v, out);
    case SSP_EDIT_ERASE:
      return erase(edit, in, out);
  }
}

bool is_crop(const Edit& edit) { return edit.v[2] == edit.v[4] && edit.v[3] == edit.v[5]; }

// Takes edits from `i` on, as many as one pass can draw; the first that it leaves. known: of the image that is there.
size_t gather(std::span<const Edit> edits, size_t i, Statistic& known, Pass& pass) {
  std::optional<Edit>& box = pass.crop_resize;
  for (; i < edits.size() && edits[i].kind == SSP_EDIT_CROP_RESIZE && (!box || is_crop(*box)); ++i) {
    Edit inner = edits[i];
    if (box) inner.v[0] += box->v[0], inner.v[1] += box->v[1];
    box = inner;
  }
  for (; i < edits.size(); ++i) {
    const Edit& edit = edits[i];
    if (edit.kind == SSP_EDIT_FLIP_HORIZONTAL) {  // after colours it is one before them
      pass.flip_horizontal = !pass.flip_horizontal;
    } else if (edit.kind == SSP_EDIT_FLIP_VERTICAL) {
      pass.flip_vertical = !pass.flip_vertical;
    } else if (drawn(edit) == Drawn::colour) {
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
  return i;
}

}  // namespace

Box part_needed(std::span<const Edit> edits, const ImageShape& shape) {
  Box part{0, 0, shape.height, shape.width};
  for (const Edit& edit : edits) {
    if (edit.kind != SSP_EDIT_CROP_RESIZE) break;
    const auto number = [&](int i) { return static_cast<int>(edit.v[i]); };
    part = {part.top + number(0), part.left + number(1), number(2), number(3)};
    if (!is_crop(edit)) break;
  }
  return part;
}

void draw(const Image& source, std::span<const Edit> edits, Image& out) {
  ImageShape shape{source.height, source.width, source.channels};
  for (const Edit& edit : edits) shape = shape_after(edit, shape);
  out.reshape(shape.height, shape.width, shape.channels);
  draw(source, {0, 0, source.height, source.width}, edits, canvas(out));
}

// Pixels go from the source to `out`, where colours are then changed in place; what comes before another edit that
// moves pixels goes to a spare image.
void draw(const Image& source, const Box& part, std::span<const Edit> edits, const Canvas& out) {
  thread_local Image spares[2];
  const Image* at = &source;  // the image that is there
  Canvas place;               // its memory, to be written; of the source: none
  const auto move_on = [&](size_t next, const ImageShape& shape) {
    const bool at_end = std::all_of(edits.begin() + static_cast<std::ptrdiff_t>(next), edits.end(),
                                    [](const Edit& edit) { return drawn(edit) == Drawn::colour; });
    if (at_end) return place = out;
    Image& spare = spares[at == &spares[0] ? 1 : 0];
    spare.reshape(shape.height, shape.width, shape.channels);
    at = &spare;
    return place = canvas(spare);
  };
  Statistic known;  // of the image that is there; asked for by the edit that comes next
  for (size_t i = 0; i < edits.size();) {
    const Image& in = *at;
    const ImageShape shape{in.height, in.width, in.channels};
    if (drawn(edits[i]) == Drawn::alone) {
      run_alone(edits[i], in, move_on(i + 1, shape));
      ++i;
      continue;
    }
    Pass pass(source.channels);
    const bool first = i == 0;
    i = gather(edits, i, known, pass);
    if (first && pass.crop_resize) pass.crop_resize->v[0] -= part.top, pass.crop_resize->v[1] -= part.left;
    if (!pass.moves_pixels() && place.pixels != nullptr) {
      run_in_place(pass, place);
    } else if (pass.moves_pixels() || !pass.colours.empty()) {
      const Edit box = pass.crop_resize.value_or(crop({0, 0, in.height, in.width}));
      run(pass, in, box, move_on(i, shape_after(box, shape)));
    } else {
      look_at(in, pass.statistic);
    }
    known = pass.statistic;
  }
  if (place.pixels != out.pixels) std::copy(at->pixels.begin(), at->pixels.end(), out.pixels);
}

}  // namespace selfsup::data
