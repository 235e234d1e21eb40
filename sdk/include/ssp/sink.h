/* SPDX-License-Identifier: Apache-2.0 */
/* A sink collects results that are many: a small struct made by whoever wants them, host or plugin. */
#ifndef SSP_SINK_H
#define SSP_SINK_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of an emitted tensor. */
enum {
  SSP_EMIT_LOSS = 1,   /* summed into the total; already weighted; a scalar */
  SSP_EMIT_METRIC = 2, /* logged only; a scalar */
  SSP_EMIT_IMAGE = 4   /* f32 [n,C,H,W], normalised like the input */
};

/* The callee emits names and handles that it keeps owning; the receiver retains what it wants to keep. A null function:
 * the receiver does not want that kind, emit nothing of it.
 * OWNERSHIP: the caller's, dead when the call that took it returns. THREAD: the one of that call. */
typedef struct ssp_sink {
  uint32_t struct_size, reserved;
  void* receiver; /* for whoever made the sink; nobody else reads or changes it */
  ssp_status (*tensor)(const struct ssp_sink*, ssp_str name, ssp_tensor, uint32_t flags);
  ssp_status (*bytes)(const struct ssp_sink*, const void* data, uint64_t size);
  ssp_status (*pair)(const struct ssp_sink*, ssp_str key, ssp_str value);
} ssp_sink;

#ifdef __cplusplus
}
#endif
#endif
