/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.rng/0": random numbers as a function of keys, so that masks do not depend on ranks, workers or resume.
 */
#ifndef SSP_RNG_H
#define SSP_RNG_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_RNG "ssp.rng/0"

enum { SSP_RNG_RANK = 0, SSP_RNG_SHARED = 1 }; /* a stream of each rank, or one that all ranks share */

/* A fork's site joins those of the calls around it; an event (on_event) is a site of its own.
 * THREAD: the one of the call. OWNERSHIP: the tensor is the caller's. */
typedef struct ssp_rng {
  uint32_t struct_size, reserved;
  /* Uniform f32 [rows, n] in [0, 1). `rows` must be the call's (root: B; fork: B times its views). Keyed by (seed,
   * epoch, sample index, view, component, sites); where rows are nobody's samples, any number of them (after a
   * fork with n_views 0, in events and features): by (seed, rank, iteration, row, component, sites). The same site
   * twice in one call would give the same numbers, so it is refused: SSP_E_ARGUMENT.
   */
  ssp_status (*per_sample)(ssp_call*, ssp_str site, int64_t rows, int64_t n, ssp_tensor* out);
  /* A generator for operators that take one, on the device of `like`; keyed by (seed, rank or shared, iteration,
   * micro-batch, component, sites, index). The same site and index twice in one call: SSP_E_ARGUMENT.
   * OWNERSHIP: the host, until the per-step call returns. */
  ssp_status (*generator)(ssp_call*, ssp_str site, uint64_t index, uint32_t scope, ssp_tensor like, ssp_value* out);
} ssp_rng;

#ifdef __cplusplus
}
#endif
#endif
