/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.batch_norm/0": batch normalisation, over the rows of this rank or of all. Parameters and running
 * statistics are declared by whoever owns the layer, so that their names are its own. */
#ifndef SSP_BATCH_NORM_H
#define SSP_BATCH_NORM_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_BATCH_NORM "ssp.batch_norm/0"

/* sync: over the rows of this rank, of all ranks, or as the run's configuration says. */
enum { SSP_SYNC_LOCAL = 0, SSP_SYNC_RANKS = 1, SSP_SYNC_AS_RUN = 2 };

typedef struct ssp_batch_norm_args {
  uint32_t struct_size, sync;
  ssp_tensor x;            /* [N, C] or [N, C, …] */
  ssp_tensor weight, bias; /* [C], or none */
  /* Running statistics [C], and how many steps they have seen, i64 of no dimension; or none. The running variance is
   * the unbiased one, over the rows of all ranks where sync says so. */
  ssp_tensor mean, var, count;
  double momentum, eps;
} ssp_batch_norm_args;

typedef struct ssp_batch_norm {
  uint32_t struct_size, reserved;
  /* Train or eval as the call says; in training the running statistics move also where no gradients are recorded. Every
   * rank makes the same calls in the same order. OWNERSHIP: the result is the caller's. THREAD: the one of the call. */
  ssp_status (*forward)(ssp_call*, const ssp_batch_norm_args*, ssp_tensor* out);
} ssp_batch_norm;

#ifdef __cplusplus
}
#endif
#endif
