/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.dist/0": the ranks of the run; with one process everything is the identity. */
#ifndef SSP_DIST_H
#define SSP_DIST_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_DIST "ssp.dist/0"

enum { SSP_GRAD_NONE = 0, SSP_GRAD_LOCAL_SLICE = 1, SSP_GRAD_REDUCE_SCATTER = 2, SSP_GRAD_SUM = 3 };
enum { SSP_REDUCE_SUM = 0, SSP_REDUCE_AVG = 1, SSP_REDUCE_MAX = 2, SSP_REDUCE_MIN = 3 };
enum { SSP_SYNC_LOCAL = 0, SSP_SYNC_RANKS = 1, SSP_SYNC_AS_RUN = 2 };

/* Every rank makes the same calls in the same order. THREAD: the one of the call. OWNERSHIP: results are the caller's.
 */
typedef struct ssp_dist {
  uint32_t struct_size, reserved;
  uint32_t (*rank)(void);
  uint32_t (*world)(void);
  /* [n, …] on each rank, equal sizes -> [world * n, …] in rank order. grad: NONE, LOCAL_SLICE (the own slice of the own
   * gradient) or REDUCE_SCATTER (that slice summed over ranks). */
  ssp_status (*all_gather)(ssp_call*, ssp_tensor, uint32_t grad, ssp_tensor* out);
  /* op SSP_REDUCE_*; grad NONE, or SUM (with op SUM or AVG). */
  ssp_status (*all_reduce)(ssp_call*, ssp_tensor, uint32_t op, uint32_t grad, ssp_tensor* out);
  ssp_status (*broadcast)(ssp_call*, ssp_tensor, uint32_t root, ssp_tensor* out);
  /* Batch norm of x [N, C] or [N, C, …]. TRAIN or EVAL from the call; in TRAIN the running statistics move also without
   * gradients. weight, bias, mean, var, count may be none; count is i64 of no dimension; running variance is unbiased.
   */
  ssp_status (*batch_norm)(ssp_call*, ssp_tensor x, ssp_tensor weight, ssp_tensor bias, ssp_tensor mean, ssp_tensor var,
                           ssp_tensor count, double momentum, double eps, uint32_t sync, ssp_tensor* out);
} ssp_dist;

#ifdef __cplusplus
}
#endif
#endif
