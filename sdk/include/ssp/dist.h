/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.dist/0": the ranks of the run; with one process everything is the identity. */
#ifndef SSP_DIST_H
#define SSP_DIST_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_DIST "ssp.dist/0"

/* What flows back through a collective. */
enum { SSP_GRAD_NONE = 0, SSP_GRAD_LOCAL_SLICE = 1, SSP_GRAD_REDUCE_SCATTER = 2, SSP_GRAD_SUM = 3 };
enum { SSP_REDUCE_SUM = 0, SSP_REDUCE_AVG = 1, SSP_REDUCE_MAX = 2, SSP_REDUCE_MIN = 3 };

/* Every rank makes the same calls in the same order. THREAD: the one of the call. OWNERSHIP: results are the caller's.
 */
typedef struct ssp_dist {
  uint32_t struct_size, reserved;
  /* Of a call that is not alive: rank 0 of world 1. */
  uint32_t (*rank)(const ssp_call*);
  uint32_t (*world)(const ssp_call*);
  /* [n, …] on each rank, equal sizes -> [world * n, …] in rank order. grad: NONE, LOCAL_SLICE (the own slice of the own
   * gradient) or REDUCE_SCATTER (that slice summed over ranks). */
  ssp_status (*all_gather)(ssp_call*, ssp_tensor, uint32_t grad, ssp_tensor* out);
  /* op SSP_REDUCE_*; grad NONE, or SUM (with op SUM or AVG). */
  ssp_status (*all_reduce)(ssp_call*, ssp_tensor, uint32_t op, uint32_t grad, ssp_tensor* out);
  ssp_status (*broadcast)(ssp_call*, ssp_tensor, uint32_t root, ssp_tensor* out);
} ssp_dist;

#ifdef __cplusplus
}
#endif
#endif
