/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.nn/0": pieces of networks that a host may run as one, forward and backward, in place of the single
 * operators of ssp.ops. Optional on both sides: a host need not offer it, and what it does not run as one it answers
 * with SSP_E_UNSUPPORTED; the same in single operators is always open to a plugin.
 *
 * - Values agree with those of single operators within rounding, not bit for bit (f32: 1e-5 of losses and gradients).
 *   The same call on the same machine gives the same bits, whatever the number of threads.
 * - Types: x is f32, f64, f16 or bf16, and y has its type. Under autocast matrix products read its type and sum in f32;
 *   x, y, statistics, biases and every gradient stay in the type of their tensor.
 * - Gradients: of every tensor argument that requires one, except where a field says otherwise, once: there is no
 *   second derivative. Until the backward has run, x and the parameters must not be changed in place. Where gradients
 *   are not recorded nothing is kept, and the values are the same.
 * - SSP_E_UNSUPPORTED: not this combination of types, devices, sizes, options and gradients that are required, or the
 *   run's configuration wants single operators. Nothing was done, and no text is set. For one combination the answer is
 *   the same throughout a run. SSP_E_ARGUMENT: no host could run it, and the text names the tensor.
 * - Growth: set struct_size of the argument. Bytes that the host does not know must be 0, else it answers
 *   SSP_E_UNSUPPORTED, and so it does to flags of bits 0-15 and activations that it does not know: a plugin of a later
 *   header composes single operators then. ssp_nn_linear and ssp_nn_norm are frozen.
 * - No call waits for the device, and none draws random numbers: samples that are dropped come in as `keep`.
 * OWNERSHIP: y is the caller's. THREAD: as operators: that of the call or create in progress. */
#ifndef SSP_NN_H
#define SSP_NN_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_NN "ssp.nn/0"

/* y[..., i] = x[..., :] . weight[i, :] + bias[i] */
typedef struct ssp_nn_linear {
  ssp_tensor weight, bias; /* [out, in]; [out], or none */
} ssp_nn_linear;

/* Over the last dimension. */
typedef struct ssp_nn_norm {
  ssp_tensor weight, bias; /* [D] each, or none */
  double eps;
} ssp_nn_norm;

/* activation: GELU is exact (erf), GELU_TANH its approximation. NONE: not of an MLP. */
enum { SSP_NN_GELU = 0, SSP_NN_GELU_TANH = 1, SSP_NN_SILU = 2, SSP_NN_RELU = 3, SSP_NN_NONE = 4 };

/* flags. CAUSAL: the query of token t sees the tokens up to t. RECOMPUTE, which a host may ignore: of what the backward
 * needs and has a row for each of x's, only x is kept; the rest is computed again. */
enum { SSP_NN_CAUSAL = 1u << 0, SSP_NN_RECOMPUTE = 1u << 16 };

/* y = x[:, from:] + keep * layer_scale * proj(attention(qkv(norm(x)))), the queries being the tokens from `from` on. */
typedef struct ssp_nn_attention {
  uint32_t struct_size, flags;
  ssp_tensor x; /* [B, L, D] */
  ssp_nn_norm norm;
  ssp_nn_linear qkv;      /* [3 D, D]: rows of q, of k and of v, each head by head */
  ssp_nn_linear proj;     /* [D, D] */
  ssp_tensor keep;        /* f32 [B], gets no gradient: 0, or 1 / (1 - rate), a sample; or none */
  ssp_tensor layer_scale; /* [D]; or none */
  ssp_tensor bias;        /* broadcast to [B, heads, L - from, L]: floating-point, added to the logits, or boolean, true
                           * where a token is seen; or none. A query that sees none, all -inf, gets 0 */
  int64_t heads;          /* divides D */
  int64_t from;           /* 0 … L - 1 */
  double scale;           /* of the logits; 0: (D / heads)^-1/2 */
} ssp_nn_attention;

/* y = x + keep * layer_scale * down(activation(up(norm(x)))). */
typedef struct ssp_nn_mlp {
  uint32_t struct_size, flags; /* flags: RECOMPUTE */
  ssp_tensor x;                /* [B, …, D] */
  ssp_nn_norm norm;
  ssp_nn_linear up, down;        /* [F, D], [D, F] */
  ssp_tensor keep, layer_scale;  /* as above */
  uint32_t activation, reserved; /* reserved: 0 */
} ssp_nn_mlp;

/* For blocks of another kind (norms of q and k, rotary positions, windows): attention of packed q, k and v, none of
 * which is copied. */
typedef struct ssp_nn_packed {
  uint32_t struct_size, flags; /* flags: CAUSAL */
  ssp_tensor qkv;              /* [B, L, 3, heads, D / heads]; f32 or, as all of it or by autocast, f16 or bf16 */
  ssp_tensor bias;             /* as above */
  int64_t from;
  double scale;
} ssp_nn_packed;

/* y = activation(batch_norm(x) + residual), the batch norm being that of ssp.batch_norm with the same fields: over the
 * rows of this rank or of all (sync), in training or not as the call says; in training the running statistics move,
 * also where no gradients are recorded. Where that extension is not, this function is not either. */
typedef struct ssp_nn_norm_act {
  uint32_t struct_size, flags; /* flags: RECOMPUTE */
  ssp_tensor x;                /* [N, C] or [N, C, …], in any memory format, which y takes over */
  ssp_tensor weight, bias;     /* [C], or none */
  ssp_tensor mean, var, count; /* as in ssp_batch_norm_args; or none */
  ssp_tensor residual;         /* of x's sizes and type; or none */
  double momentum, eps;
  uint32_t sync;       /* SSP_SYNC_LOCAL, … (batch_norm.h) */
  uint32_t activation; /* SSP_NN_RELU or SSP_NN_NONE */
} ssp_nn_norm_act;

typedef struct ssp_nn {
  uint32_t struct_size, reserved;
  ssp_status (*attention)(const ssp_nn_attention*, ssp_tensor* y);     /* [B, L - from, D] */
  ssp_status (*mlp)(const ssp_nn_mlp*, ssp_tensor* y);                 /* as x */
  ssp_status (*packed_attention)(const ssp_nn_packed*, ssp_tensor* y); /* [B, L - from, D], of the products' type */
  ssp_status (*norm_act)(ssp_call*, const ssp_nn_norm_act*, ssp_tensor* y); /* as x */
} ssp_nn;

SSP_STATIC_ASSERT(sizeof(ssp_nn_linear) == 16 && sizeof(ssp_nn_norm) == 24, "frozen layout");

#ifdef __cplusplus
}
#endif
#endif
