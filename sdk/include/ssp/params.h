/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.params/0": parameters and buffers, declared in create and owned by the host. */
#ifndef SSP_PARAMS_H
#define SSP_PARAMS_H

#include "ssp/sink.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_PARAMS "ssp.params/0"

/* Kinds, one of them; bits, so that list takes a set. */
enum {
  SSP_PARAM = 1,        /* trained */
  SSP_PARAM_FROZEN = 2, /* counted and saved, not trained */
  SSP_BUFFER = 4        /* saved, not counted */
};
/* Flags beside the kind. */
enum {
  SSP_TENSOR_TRANSIENT = 256, /* not saved */
  SSP_TENSOR_PER_RANK = 512   /* one value a rank, never broadcast */
};
/* Roles, for decay and learning-rate rules. */
enum {
  SSP_ROLE_BIAS = 1,
  SSP_ROLE_NORM = 2,
  SSP_ROLE_EMBED = 4,
  SSP_ROLE_TOKEN = 8,
  SSP_ROLE_NO_DECAY = 16,
  SSP_ROLE_LARS_EXCLUDE = 32,
  SSP_ROLE_KEEP = 32768 /* to mark only: the roles that are there stay, those given with it are added */
};

/* Initial values, made in fp32 on the CPU and keyed by (seed, parameter path): one seed gives one model on every device
 * and in any order. fan_in, fan_out 0: taken from the shape as torch.nn.init does ([out, in, …]); a tensor of fewer
 * than two dimensions has none, so what its kind needs must be stated: declare and reinit refuse it otherwise. */
enum {
  SSP_INIT_CONSTANT = 1,       /* a */
  SSP_INIT_NORMAL = 2,         /* mean a, deviation b */
  SSP_INIT_UNIFORM = 3,        /* a … b */
  SSP_INIT_TRUNC_NORMAL = 4,   /* mean a, deviation b, cut at lo … hi */
  SSP_INIT_XAVIER_UNIFORM = 5, /* gain a (0: 1), by both fans */
  SSP_INIT_KAIMING_NORMAL = 6, /* deviation gain a / sqrt(fan); a 0: sqrt(2); b 0: fan_in, 1: fan_out */
  SSP_INIT_KAIMING_UNIFORM =
      7,            /* bound a / sqrt(fan_in); a 0: 1, the default of a torch Linear or Conv bias and weight */
  SSP_INIT_DATA = 8 /* `data`, `bytes` long, elements of the parameter's dtype */
};
typedef struct ssp_init {
  uint32_t struct_size, kind;
  double a, b, lo, hi;
  int64_t fan_in, fan_out;
  const void* data;
  uint64_t bytes;
} ssp_init;

typedef struct ssp_param_desc {
  uint32_t struct_size;
  int32_t dtype;
  ssp_str name; /* relative to the scope; [A-Za-z0-9_.]+ */
  const int64_t* sizes;
  uint32_t ndim;
  uint32_t kind; /* kind | flags */
  uint32_t roles;
  int32_t layer; /* depth for layer-wise rates; -1: none */
  const ssp_init* init;
} ssp_param_desc;

enum { SSP_SCOPE_FROZEN = 1 /* every SSP_PARAM below becomes SSP_PARAM_FROZEN */ };
typedef struct ssp_scope {
  uint32_t struct_size, flags;
  ssp_str prefix; /* names below are the parent's prefix + this; empty: the parent's. Owners may share a prefix, never a
                     name */
  ssp_str config; /* the node that get and create see, relative to the parent's; empty: the same node */
  ssp_str
      overrides; /* JSON object merged over that node for this scope, checked by the component's schema; may be empty */
} ssp_scope;

/* Inside create only. THREAD: main. */
typedef struct ssp_params {
  uint32_t struct_size, reserved;
  /* The tensor's identity holds for the whole run; its values change. It has none before SSP_EVENT_READY: until then,
   * operators and to_host refuse it. OWNERSHIP: the handle is the caller's. */
  ssp_status (*declare)(ssp_build*, const ssp_param_desc*, ssp_tensor* out);
  /* OWNERSHIP: the host, until the requester's create returns. */
  ssp_status (*scope)(ssp_build*, const ssp_scope*, ssp_build** child);
  /* All tensors below this scope + prefix, those of other plugins' components too; names relative to it, in order of
   * declaration; flags are kind | flags. `kinds` is a set of kinds. */
  ssp_status (*list)(ssp_build*, ssp_str prefix, uint32_t kinds, const ssp_sink*);
  /* New initial values for every tensor below this scope whose name ends in `suffix` (at a dot); none is an error. */
  ssp_status (*reinit)(ssp_build*, ssp_str suffix, const ssp_init*);
  /* Another kind (SSP_PARAM or SSP_PARAM_FROZEN; 0: as it is) and other roles (SSP_ROLE_KEEP: beside those that
   * it has) for every parameter below this scope whose name ends in `suffix` (at a dot; empty: all of them), a child's
   * too: a requester freezes or re-roles a part of it. Below a frozen scope nothing becomes SSP_PARAM: that, a buffer,
   * or no match is an error. */
  ssp_status (*mark)(ssp_build*, ssp_str suffix, uint32_t kind, uint32_t roles);
} ssp_params;

#ifdef __cplusplus
}
#endif
#endif
