/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.call/0": where a per-step call stands in the run, and how it splits into several forwards. */
#ifndef SSP_CALL_H
#define SSP_CALL_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_CALL "ssp.call/0"

enum { SSP_MODE_INHERIT = 0, SSP_MODE_TRAIN = 1, SSP_MODE_EVAL = 2 };
enum { SSP_ORIGIN_FRESH = 0, SSP_ORIGIN_LOADED = 1, SSP_ORIGIN_RESUMED = 2 };
enum { SSP_ROWS_CAT = 0, SSP_ROWS_INTERLEAVED = 1 }; /* cat(views, 0), or stack(views, 1).flatten(0, 1) */

typedef struct ssp_call_info {
  uint32_t struct_size, mode, origin;
  uint32_t micro, micros; /* 0-based place of this batch in its optimizer step; batches in that step */
  uint32_t reserved;
  uint64_t iter, max_iters;                /* batches begun before this one; 0-based */
  uint64_t update, max_updates;            /* optimizer steps done; skipped and masked ones count */
  uint64_t epoch, max_epochs, epoch_iters; /* 0-based; max_epochs 0: the run is counted in iterations */
} ssp_call_info;

typedef struct ssp_fork {
  uint32_t struct_size, mode;
  ssp_str site;         /* not empty; joins every random key below: two forwards of one network need two sites */
  const int32_t* views; /* which views the rows of this forward are */
  uint32_t n_views;     /* 0: the rows are no longer this batch's (shuffled, from a bank) */
  uint32_t layout;      /* SSP_ROWS_CAT or SSP_ROWS_INTERLEAVED */
} ssp_fork;

/* THREAD: the one of the call. */
typedef struct ssp_calls {
  uint32_t struct_size, reserved;
  /* Where the run stands: in features and reconstruct too, which are in eval mode. */
  ssp_status (*info)(const ssp_call*, ssp_call_info* out);
  /* OWNERSHIP: the host, until the per-step call returns. */
  ssp_status (*fork)(ssp_call*, const ssp_fork*, ssp_call** child);
  /* update / max_updates as an f32 tensor of no dimension on the run's device, for schedules without a host sync.
   * OWNERSHIP: the caller. */
  ssp_status (*progress)(ssp_call*, ssp_tensor* out);
  /* *out = 1 once the run has been asked to stop: long work in an event (clustering, a pass over the data) ends early.
   * The run then saves and ends where the optimizer step does. */
  ssp_status (*stop_requested)(const ssp_call*, uint32_t* out);
} ssp_calls;

#ifdef __cplusplus
}
#endif
#endif
