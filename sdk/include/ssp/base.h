/* SPDX-License-Identifier: Apache-2.0 */
/* Versions, status codes, strings, tensors and values: the words of which every other header is made.
 *
 * Conventions of the whole SDK
 * - Arguments are borrowed for the call; results are the caller's, and each has a release in the same table, unless the
 *   declaration says that the host owns it.
 * - What can fail returns ssp_status; on failure the text is in the host's per-thread store (entry.h). What cannot
 *   returns its result, or nothing.
 * - Handles carry their host. A function that takes no handle and no component takes the object in whose life it runs:
 *   ssp_call*, ssp_build*, or const ssp_host*. Nothing of this SDK is the process's.
 * - A table starts with struct_size and only grows at its end inside a major version. Read a field through SSP_HAS.
 * - A struct that is filled in (an out-struct): the caller zeroes it and sets struct_size; the callee writes no more
 *   than the smaller of both sizes, and sets struct_size to what it wrote. So either side may be the newer one.
 * - THREAD: main is a symbolic thread: calls marked so come one at a time, each after the one before it has returned,
 *   but not always on one thread of the operating system. Keep nothing in thread-local storage between calls.
 * - Flag bits 0-15 that the reader does not know are an error, bits 16-31 are ignored.
 * - No C++ type, exception, or memory that the other side must free ever crosses.
 */
#ifndef SSP_BASE_H
#define SSP_BASE_H

#include <stddef.h>
#include <stdint.h>

#define SSP_ABI_MAJOR 0
#define SSP_ABI_MINOR 4

#ifdef __cplusplus
#define SSP_STATIC_ASSERT static_assert
extern "C" {
#else
#define SSP_STATIC_ASSERT _Static_assert
#endif

/* True if `table` is large enough to hold `field`, and the field is offered. */
#define SSP_HAS(type, table, field) \
  ((table) != NULL && offsetof(type, field) + sizeof((table)->field) <= (table)->struct_size && (table)->field)

typedef int32_t ssp_status;
enum {
  SSP_OK = 0,
  SSP_E_ARGUMENT = 1,    /* a bad argument: null, out of range, unknown flag */
  SSP_E_HANDLE = 2,      /* a tensor handle that is null, foreign, or was released */
  SSP_E_OP = 3,          /* an operator failed: shapes, types */
  SSP_E_UNSUPPORTED = 4, /* this host lacks it */
  SSP_E_PLUGIN = 5,      /* the plugin's own failure */
  SSP_E_CONFIG = 6,      /* the configuration asks for what cannot be */
  SSP_E_MEMORY = 7,
  SSP_E_PRECONDITION = 8, /* called at the wrong time, or on the wrong thread */
  SSP_E_SAMPLE = 9        /* a transform: this sample is bad; treated as an image that cannot be read */
};

/* UTF-8 text, not terminated. OWNERSHIP: borrowed for the call, unless said otherwise. */
typedef struct ssp_str {
  const char* data;
  uint64_t size;
} ssp_str;

/* A reference to a tensor of the host: slot and generation, 0 = none. A stale handle is an error, never a crash. */
typedef struct ssp_tensor {
  uint64_t id;
} ssp_tensor;

typedef struct ssp_host ssp_host;     /* entry.h */
typedef struct ssp_build ssp_build;   /* alive during create and defaults only: prefix, owner, configuration node */
typedef struct ssp_call ssp_call;     /* alive during one per-step call; a kept one is refused */
typedef struct ssp_sample ssp_sample; /* alive during one transform.apply */
typedef void* ssp_component;          /* a plugin's own object */

/* Element types. A tensor of a type that is not here is refused where it would be handed out. */
enum {
  SSP_F32 = 1,
  SSP_F64 = 2,
  SSP_F16 = 3,
  SSP_BF16 = 4,
  SSP_I64 = 5,
  SSP_I32 = 6,
  SSP_U8 = 7,
  SSP_BOOL = 8,
  SSP_C64 = 9,  /* complex: two f32 */
  SSP_C128 = 10 /* complex: two f64 */
};

/* Types of devices, by DLPack's numbers. */
enum { SSP_DEVICE_CPU = 1, SSP_DEVICE_CUDA = 2 };

/* Kinds of ssp_value. `count` is the length of lists and strings. */
enum {
  SSP_V_NONE = 0,
  SSP_V_DEFAULT = 1, /* the operator's own default */
  SSP_V_TENSOR = 2,
  SSP_V_INT = 3,
  SSP_V_DOUBLE = 4,
  SSP_V_BOOL = 5, /* in u.i */
  SSP_V_STR = 6,
  SSP_V_INTS = 7,
  SSP_V_DOUBLES = 8,
  SSP_V_BOOLS = 9,
  SSP_V_TENSORS = 10,   /* id 0 is a none element */
  SSP_V_DTYPE = 11,     /* in u.i: SSP_F32 … */
  SSP_V_DEVICE_OF = 12, /* in u.tensor: the device of that tensor */
  SSP_V_GENERATOR = 13  /* in u.i: from ssp_rng.generator */
};

/* Arguments and results of operators, values of the configuration. Frozen: 16 bytes. */
typedef struct ssp_value {
  uint32_t kind, count;
  union {
    ssp_tensor tensor;
    int64_t i;
    double d;
    const char* s;
    const int64_t* ints;
    const double* doubles;
    const uint8_t* bools;
    const ssp_tensor* tensors;
  } u;
} ssp_value;

SSP_STATIC_ASSERT(sizeof(ssp_value) == 16 && sizeof(ssp_str) == 16 && sizeof(ssp_tensor) == 8, "frozen layout");

#ifdef __cplusplus
}
#endif
#endif
