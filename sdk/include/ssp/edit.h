/* SPDX-License-Identifier: Apache-2.0 */
/* Edits: what a transform wants done to an image, in numbers. A transform draws its numbers and appends edits; the host
 * draws the pixels: when somebody asks for them, or at the end of the pipeline, all edits of an image together, and
 * wherever it likes. Extension "ssp.edit/0" says which kinds this host draws.
 *
 * Why: pixel code in every plugin would be written again in each, would pass over the image once a step, and could not
 * move to the GPU. A list of numbers can: geometry becomes one pass, colour another, with the same pixels as if each
 * edit had been drawn by itself. */
#ifndef SSP_EDIT_H
#define SSP_EDIT_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_EDIT "ssp.edit/0"

/* Kinds, with the meaning of v[0], v[1], … Images are u8 of 1 or 3 channels; each edit ends in u8, as if it had been
 * drawn by itself. On one channel saturation, hue and greyscale change nothing. */
enum {
  SSP_EDIT_BRIGHTNESS = 1, /* factor >= 0: blend with black */
  SSP_EDIT_CONTRAST = 2,   /* factor >= 0: blend with the mean grey, rounded */
  SSP_EDIT_SATURATION = 3, /* factor >= 0: blend with the pixel's grey */
  SSP_EDIT_HUE = 4,        /* shift in turns, -0.5 … 0.5 */
  SSP_EDIT_GREY = 5,       /* grey in every channel; v[0..2] weights of R, G, B, or all 0: (19595 R + 38470 G + 7471 B +
                              32768) >> 16. Weighted sums are truncated */
  SSP_EDIT_BLUR = 6,       /* Gaussian, sigma > 0 in pixels */
  SSP_EDIT_SOLARIZE = 7,   /* threshold: values >= it are inverted */
  SSP_EDIT_POSTERIZE = 8,  /* bits kept, 0 … 8 */
  SSP_EDIT_INVERT = 9,
  SSP_EDIT_AUTOCONTRAST = 10,
  SSP_EDIT_EQUALIZE = 11,
  SSP_EDIT_GAMMA = 12,       /* gamma > 0: 255 (x / 255)^gamma, rounded */
  SSP_EDIT_CROP_RESIZE = 13, /* top, left, height, width of a box of whole pixels inside the image; height and width of
                                the result. flags: the filter. A box of the result's size is a crop */
  SSP_EDIT_FLIP_HORIZONTAL = 14,
  SSP_EDIT_FLIP_VERTICAL = 15,
  SSP_EDIT_AFFINE = 16, /* a, b, c, d, e, f: the pixel at (x, y) comes from (a x + b y + c, d x + e y + f), pixel
                           centres at + 0.5; outside is black. flags: SSP_EDIT_NEAREST or SSP_EDIT_BILINEAR */
  SSP_EDIT_ERASE = 17   /* top, left, height, width of a box cut to the image; value of every channel */
};

/* flags: bits 0-3 the filter, bit 4 the arithmetic. */
enum {
  SSP_EDIT_NEAREST = 0,
  SSP_EDIT_BILINEAR = 1, /* antialiased, as Pillow's */
  SSP_EDIT_BICUBIC = 2,  /* antialiased, a = -0.5 */
  SSP_EDIT_FILTER = 15,  /* the bits of the filter */
  /* Rounding and kernels of torchvision's v2 transforms on u8 tensors, where they differ from Pillow's: contrast,
   * saturation, hue, grey, blur (whose kernel has the size v[1]), resize. */
  SSP_EDIT_TORCHVISION = 16
};

/* Frozen. Numbers are finite, in single precision too; those that the kind does not use are 0. */
typedef struct ssp_edit {
  uint32_t kind, flags;
  double v[6];
} ssp_edit;

typedef struct ssp_edits {
  uint32_t struct_size, reserved;
  /* In the create of a transform: the kinds that it will append. One that this host does not draw is SSP_E_UNSUPPORTED,
   * and one that was not asked for here is refused in apply. THREAD: main. */
  ssp_status (*need)(ssp_build*, const uint32_t* kinds, uint32_t n);
} ssp_edits;

SSP_STATIC_ASSERT(sizeof(ssp_edit) == 56, "frozen layout");

#ifdef __cplusplus
}
#endif
#endif
