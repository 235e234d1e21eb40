/* SPDX-License-Identifier: Apache-2.0 */
/* A kind of its own, "example.tokenizer/0": what no host knows, and two plugins agree upon. */
#ifndef EXAMPLE_TOKENIZER_H
#define EXAMPLE_TOKENIZER_H

#include "ssp/call.h"
#include "ssp/registry.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EXAMPLE_KIND_TOKENIZER "example.tokenizer/0"

typedef struct example_tokenizer {
  ssp_table_head head;
  /* How many different tokens there are. */
  int64_t (*vocabulary)(ssp_component);
  /* [N, L] of the patches of images [N, C, H, W], i64, row by row. OWNERSHIP: the result is the caller's. */
  ssp_status (*tokens)(ssp_component, ssp_call*, ssp_tensor images, int64_t patch, ssp_tensor* out);
} example_tokenizer;

#ifdef __cplusplus
}
#endif
#endif
