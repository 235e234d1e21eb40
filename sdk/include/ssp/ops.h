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

/* Strides are the host's: a tensor may lie in memory in any order (channels-last), and from_host and to_host speak of
 * row-major values. OWNERSHIP of sizes: the tensor; valid while the handle is and the tensor is not changed in place.
 */
typedef struct ssp_tensor_info {
  uint32_t struct_size, ndim;
  int32_t dtype;
  int32_t device_type;  /* SSP_DEVICE_… */
  int32_t device_index; /* 0 on the CPU */
  uint32_t requires_grad;
  const int64_t* sizes;
  int64_t numel;
} ssp_tensor_info;

/* flags of grad. */
enum {
  SSP_GRAD_RETAIN_GRAPH = 1, /* the graph is used again, by another grad or by the run's backward */
  SSP_GRAD_CREATE_GRAPH = 2, /* the results can be differentiated; retains the graph */
  SSP_GRAD_ALLOW_UNUSED = 4  /* an input that no output depends on gives none; else it is an error */
};

typedef struct ssp_ops {
  uint32_t struct_size, reserved;
  /* In init only. name "aten::add", overload "Tensor", args "self,other": the arguments that calls will pass, in that
   * order. The host maps them to the schema of its LibTorch, fills defaults, and refuses what it lacks.
   * OWNERSHIP: the host, for ever. THREAD: main. */
  ssp_status (*resolve)(const ssp_host*, const char* name, const char* overload, const char* args, ssp_op* out);
  /* *n_outs: in, room in outs; out, number of results; lists are flattened. outs null: results are dropped. An in-place
   * operator returns a new handle to its argument; on a parameter or a declared buffer it is refused while gradients
   * are recorded. OWNERSHIP: resulting tensors are the caller's. THREAD: the one of the call or create in progress. */
  ssp_status (*call)(ssp_op, const ssp_value* args, uint32_t n, ssp_value* outs, uint32_t* n_outs);
  /* THREAD: any. release after shutdown does nothing. */
  ssp_status (*retain)(ssp_tensor);
  ssp_status (*release)(ssp_tensor);
  ssp_status (*info)(ssp_tensor, ssp_tensor_info* out);
  /* Copies. from_host makes a tensor on the device of the run, dense and row-major. to_host converts to dtype; `bytes`
   * is the exact size of the destination. to_host waits for the device. OWNERSHIP: the new tensor is the caller's. */
  ssp_status (*from_host)(ssp_call*, const void* data, int32_t dtype, const int64_t* sizes, uint32_t ndim,
                          ssp_tensor* out);
  ssp_status (*to_host)(ssp_tensor, int32_t dtype, void* data, uint64_t bytes);
  /* Gradient recording, and autocast, on or off until the matching state_pop, in this call. dtype 0: the run's; in a
   * run that computes in f32, that is off. */
  ssp_status (*grad_push)(ssp_call*, uint32_t on);
  ssp_status (*autocast_push)(ssp_call*, uint32_t on, int32_t dtype);
  ssp_status (*state_pop)(ssp_call*);
  /* A copy of the values that requires a gradient and is part of no graph, whether gradients are recorded or not: what
   * is computed from it while they are can be derived with respect to it by grad. For terms on images (adversarial
   * steps, gradient penalties), whose tensors require none. Floating-point and complex types. OWNERSHIP: the caller's.
   */
  ssp_status (*leaf)(ssp_call*, ssp_tensor values, ssp_tensor* out);
  /* d outputs / d inputs, as torch.autograd.grad: outs[i] belongs to inputs[i], none where SSP_GRAD_ALLOW_UNUSED allows
   * it. grad_outputs: null for scalar outputs, else one an output, none allowed for scalars. Nothing is added to any
   * parameter's gradient. OWNERSHIP: outs are the caller's. THREAD: the one of the call in progress. */
  ssp_status (*grad)(const ssp_tensor* outputs, uint32_t n_outputs, const ssp_tensor* inputs, uint32_t n_inputs,
                     const ssp_tensor* grad_outputs, uint32_t flags, ssp_tensor* outs);
  /* The gradient of a trained parameter, in SSP_EVENT_GRADIENTS only: the tensor itself, to be read or changed in
   * place. None where backward gave none. OWNERSHIP: the handle is the caller's; the values are the optimizer's. */
  ssp_status (*gradient)(ssp_tensor parameter, ssp_tensor* out);
} ssp_ops;

#ifdef __cplusplus
}
#endif
#endif
