/* What the files of the probe plugin share: the host's tables, operators, and small helpers. */
#ifndef PROBE_H
#define PROBE_H

#include <stdlib.h>
#include <string.h>

#include "ssp/abi.h"

extern const ssp_host* host;
extern const ssp_ops* ops;
extern const ssp_params* params;
extern const ssp_config* config;
extern const ssp_registry* registry;
extern const ssp_calls* calls;
extern const ssp_rng* rng;

extern ssp_op op_mm, op_mean, op_flatten, op_pow, op_detach, op_add_, op_mul_, op_unsqueeze;

extern const ssp_backbone_tokens tokens_table;
extern const ssp_backbone backbone_table, loop_table;
extern const ssp_algorithm probe_table, asks_table;
extern const ssp_transform invert_table, policy_table;

/* A kind between plugins, of which no host knows more than the head. */
#define KIND_TARGET "probe.target/0"
typedef struct Target {
  uint32_t struct_size, caps;
  ssp_str (*schema)(void);
  ssp_status (*create)(ssp_build*, ssp_component* out);
  void (*destroy)(ssp_component);
  int64_t (*answer)(ssp_component);
} Target;
extern const Target target_table;

#define TRY(expression)                     \
  do {                                      \
    const ssp_status status = (expression); \
    if (status != SSP_OK) return status;    \
  } while (0)

ssp_str str(const char* s);
int same(ssp_str a, const char* b);
/* Leaves the text and gives SSP_E_PLUGIN. */
ssp_status fail(const char* text);

ssp_value tensor(ssp_tensor t);
ssp_value integer(int64_t i);
/* An operator with one result. */
ssp_status call(ssp_op op, const ssp_value* args, uint32_t n, ssp_tensor* out);

/* The string of a key, copied; "" when absent. */
ssp_status text_of(ssp_build* b, const char* key, char* out, size_t room);
ssp_status declare(ssp_build* b, const char* name, uint32_t kind, const int64_t* sizes, uint32_t ndim, ssp_tensor* out);

ssp_str empty_schema(void);

#endif
