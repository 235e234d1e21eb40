// One edit: which numbers its kind takes, and the shape that it leaves. Knows no pixels.
#pragma once
#include <string>
#include <string_view>

#include "data/image.h"
#include "ssp/edit.h"

namespace selfsup::data {

// The kinds, their numbers and their meaning are those of the SDK: there is one list of them.
using Edit = ssp_edit;

enum class Interpolation { nearest = SSP_EDIT_NEAREST, bilinear = SSP_EDIT_BILINEAR, bicubic = SSP_EDIT_BICUBIC };

Edit crop_resize(const Box& box, int height, int width, Interpolation interpolation);
inline Edit crop(const Box& box) { return crop_resize(box, box.height, box.width, Interpolation::nearest); }
inline Edit flip_horizontal() { return {SSP_EDIT_FLIP_HORIZONTAL, 0, {}}; }
inline Edit flip_vertical() { return {SSP_EDIT_FLIP_VERTICAL, 0, {}}; }

std::string_view name_of(uint32_t kind);  // empty: no such kind

// What is wrong with the edit of an image of that shape, "contrast: …"; empty: nothing.
std::string problem_of(const Edit& edit, const ImageShape& shape);

// How a kind is drawn: crops, resizes and flips with the colours behind them, line by line; the others by themselves.
enum class Drawn { geometry, colour, alone };

// Of an edit without a problem.
Drawn drawn(const Edit& edit);
ImageShape shape_after(const Edit& edit, ImageShape shape);

inline uint32_t filter_of(const Edit& edit) { return edit.flags & SSP_EDIT_FILTER; }
inline bool as_torchvision(const Edit& edit) { return (edit.flags & SSP_EDIT_TORCHVISION) != 0; }

}  // namespace selfsup::data
