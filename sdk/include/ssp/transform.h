/* SPDX-License-Identifier: Apache-2.0 */
/* Kind "ssp.transform/0": changes samples in the data workers. */
#ifndef SSP_TRANSFORM_H
#define SSP_TRANSFORM_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* uint8, rows of width * channels bytes, row_stride bytes apart. OWNERSHIP: the sample. */
typedef struct ssp_image {
  uint32_t struct_size, channels;
  uint8_t* data;
  int64_t height, width, row_stride;
} ssp_image;

/* Inside apply. THREAD: the worker's. */
typedef struct ssp_sample_api {
  uint32_t struct_size, reserved;
  uint32_t (*count)(const ssp_sample*); /* images of this sample that this pipeline position sees */
  ssp_status (*get)(ssp_sample*, uint32_t i, ssp_image* out); /* set out->struct_size first; data may be written */
  /* A new image, to be given to replace or append before apply returns. Set out->struct_size first. */
  ssp_status (*alloc)(ssp_sample*, int64_t h, int64_t w, uint32_t channels, ssp_image* out);
  /* The data of the image that was there is gone. */
  ssp_status (*replace)(ssp_sample*, uint32_t i, const ssp_image*);
  ssp_status (*append)(ssp_sample*, const ssp_image*);
  /* A typed field of this sample; the batch stacks it: [B, sizes…]. Every sample must set the same fields and sizes. */
  ssp_status (*set_field)(ssp_sample*, ssp_str name, int32_t dtype, const int64_t* sizes, uint32_t ndim,
                          const void* data);
  /* 64 random bits, keyed by (seed, epoch, sample, view, position in the pipeline, draw). */
  uint64_t (*random64)(ssp_sample*);
} ssp_sample_api;

typedef struct ssp_transform {
  uint32_t struct_size, caps;
  ssp_str (*schema)(void);                              /* OWNERSHIP: the plugin, for ever */
  ssp_status (*create)(ssp_build*, ssp_component* out); /* config only: no parameters, no registry */
  void (*destroy)(ssp_component);
  /* Reentrant; worker threads; no tensors. */
  ssp_status (*apply)(ssp_component, const ssp_sample_api*, ssp_sample*);
} ssp_transform;

#ifdef __cplusplus
}
#endif
#endif
