/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.ops/0": tensors and operators. Operators are those of the closed list sdk/ops-1.txt, by their ATen
 * names; autograd and autocast apply as in native code. */
#ifndef SSP_OPS_H
#define SSP_OPS_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_OPS "ssp.ops/0"

typedef const struct ssp_op_s* ssp_op;

/* OWNERSHIP of sizes: the tensor; valid while the handle is and the tensor is not changed in place. */
typedef struct ssp_tensor_info {
  uint32_t ndim;
  int32_t dtype;        /* 0: a type that this SDK does not name */
  int32_t device_type;  /* 0 CPU, 1 CUDA */
  int32_t device_index; /* -1 on the CPU */
  const int64_t* sizes;
  int64_t numel;
  uint32_t requires_grad, reserved;
} ssp_tensor_info;

typedef struct ssp_ops {
  uint32_t struct_size, reserved;
  /* In init only. name "aten::add", overload "Tensor", args "self,other": the arguments that calls will pass, in that
   * order. The host maps them to the schema of its LibTorch, fills defaults, and refuses what it lacks.
   * OWNERSHIP: the host, for ever. THREAD: the main thread. */
  ssp_status (*resolve)(const char* name, const char* overload, const char* args, ssp_op* out);
  /* *n_outs: in, room in outs; out, number of results; lists are flattened. outs null: results are dropped. An in-place
   * operator returns a new handle to its argument. OWNERSHIP: resulting tensors are the caller's.
   * THREAD: the one of the call or create in progress. */
  ssp_status (*call)(ssp_op, const ssp_value* args, uint32_t n, ssp_value* outs, uint32_t* n_outs);
  /* THREAD: any. release after shutdown does nothing. */
  ssp_status (*retain)(ssp_tensor);
  ssp_status (*release)(ssp_tensor);
  ssp_status (*info)(ssp_tensor, ssp_tensor_info* out, uint32_t out_size);
  /* Copies. from_host makes a tensor on the device of the run, dense and row-major. to_host converts to dtype; `bytes`
   * is the exact size of the destination. to_host waits for the device. OWNERSHIP: the new tensor is the caller's. */
  ssp_status (*from_host)(const void* data, int32_t dtype, const int64_t* sizes, uint32_t ndim, ssp_tensor* out);
  ssp_status (*to_host)(ssp_tensor, int32_t dtype, void* data, uint64_t bytes);
  /* Gradient recording, and autocast, on or off until the matching state_pop, on this thread. dtype 0: the run's. */
  ssp_status (*grad_push)(uint32_t on);
  ssp_status (*autocast_push)(uint32_t on, int32_t dtype);
  ssp_status (*state_pop)(void);
} ssp_ops;

#ifdef __cplusplus
}
#endif
#endif
