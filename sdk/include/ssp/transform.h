/* SPDX-License-Identifier: Apache-2.0 */
/* Kind "ssp.transform/0": changes samples in the data workers. */
#ifndef SSP_TRANSFORM_H
#define SSP_TRANSFORM_H

#include "ssp/edit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rows of width * channels elements, row_stride bytes apart. OWNERSHIP: the sample. At most 64 million pixels,
 * or as many as the user lets a file have. */
typedef struct ssp_image {
  uint32_t struct_size, channels;
  int32_t dtype; /* SSP_U8 */
  uint32_t reserved;
  void* data;
  int64_t height, width, row_stride;
} ssp_image;

typedef struct ssp_sample_info {
  uint32_t struct_size, images; /* of this sample, that this position of the pipeline sees; at most 1000 */
  int64_t index;                /* in the data set */
  int64_t label;                /* -1: none */
  uint64_t epoch;               /* 0-based */
} ssp_sample_info;

/* A field that an earlier transform has set. OWNERSHIP of sizes and data: the sample, until apply returns. */
typedef struct ssp_field {
  uint32_t struct_size, ndim;
  int32_t dtype; /* 0: no such field */
  uint32_t reserved;
  const int64_t* sizes;
  const void* data;
} ssp_field;

/* Inside apply. THREAD: the worker's. */
typedef struct ssp_sample_api {
  uint32_t struct_size, reserved;
  ssp_status (*info)(const ssp_sample*, ssp_sample_info* out);
  /* Height, width and channels of image i as it will be, with its edits; data is null. Draws nothing. */
  ssp_status (*shape)(const ssp_sample*, uint32_t i, ssp_image* out);
  /* Appends to what is to be done to image i. Checked here: kinds, flags, ranges, boxes. */
  ssp_status (*edit)(ssp_sample*, uint32_t i, const ssp_edit* edits, uint32_t n);
  /* The pixels of image i, with its edits drawn; they may be written, until its next edit, get or replace. */
  ssp_status (*get)(ssp_sample*, uint32_t i, ssp_image* out);
  /* A new image, to be given to replace or append before apply returns. out says dtype, height, width and channels. */
  ssp_status (*alloc)(ssp_sample*, ssp_image* out);
  /* The data of the image that was there, and its edits, are gone. */
  ssp_status (*replace)(ssp_sample*, uint32_t i, const ssp_image*);
  ssp_status (*append)(ssp_sample*, const ssp_image*);
  /* One more image, the same as image i and with the same edits so far; pixels are not copied before they are drawn. */
  ssp_status (*append_copy)(ssp_sample*, uint32_t i);
  /* A typed field of this sample, of one image of it or of none (view -1); the batch stacks it: [B, sizes…]. Every
   * sample must set the same fields and sizes. */
  ssp_status (*set_field)(ssp_sample*, ssp_str name, int32_t view, int32_t dtype, const int64_t* sizes, uint32_t ndim,
                          const void* data);
  ssp_status (*get_field)(const ssp_sample*, ssp_str name, int32_t view, ssp_field* out);
  /* 64 random bits, keyed by (seed, epoch, sample, view, position in the pipeline, draw), where draw counts those of
   * that view in this apply. Each view has a stream of its own, one that is still to be appended too. Of a sample that
   * is not the one of this apply: 0. */
  uint64_t (*random64)(ssp_sample*, uint32_t view);
} ssp_sample_api;

typedef struct ssp_transform {
  uint32_t struct_size, caps;
  ssp_str (*schema)(void);                              /* OWNERSHIP: the plugin, for ever */
  ssp_status (*create)(ssp_build*, ssp_component* out); /* config and edits only: no parameters, no registry */
  void (*destroy)(ssp_component);
  /* Reentrant; worker threads; no tensors. SSP_E_SAMPLE: this sample is bad, like an image that cannot be read. */
  ssp_status (*apply)(ssp_component, const ssp_sample_api*, ssp_sample*);
} ssp_transform;

#ifdef __cplusplus
}
#endif
#endif
