/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds "ssp.backbone/0" (images to feature maps) and "ssp.backbone.tokens/0" (encoders that take a part of the
 * patches). */
#ifndef SSP_BACKBONE_H
#define SSP_BACKBONE_H

#include "ssp/call.h"
#include "ssp/sink.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SSP_MAX_LAYERS = 4096 };
enum { SSP_SHAPE_NONE = 0, SSP_SHAPE_VECTOR = 1, SSP_SHAPE_MAP = 2, SSP_SHAPE_TOKENS = 3 };

/* VECTOR [B, channels], MAP [B, channels, height, width], TOKENS [B, prefix + height * width, channels]. */
typedef struct ssp_layer_info {
  uint32_t struct_size, shape;
  ssp_str name; /* OWNERSHIP: the component, as long as it lives */
  int64_t channels, height, width, prefix;
} ssp_layer_info;

/* THREAD: the main thread of the run. OWNERSHIP: resulting tensors are the caller's. */
typedef struct ssp_backbone {
  uint32_t struct_size, caps;
  ssp_str (*schema)(void); /* OWNERSHIP: the plugin, for ever */
  ssp_status (*create)(ssp_build*, ssp_component* out);
  void (*destroy)(ssp_component);
  /* For images of height h and width w: the index-th layer, in the order in which forward emits; past the last: NONE.
   * Set out->struct_size first. */
  ssp_status (*layer)(ssp_component, int64_t h, int64_t w, uint32_t index, ssp_layer_info* out);
  /* images [B, C, h, w]; emits every layer, or only those that the sink takes. */
  ssp_status (*forward)(ssp_component, ssp_call*, ssp_tensor images, const ssp_sink* layers);
} ssp_backbone;

typedef struct ssp_token_info {
  uint32_t struct_size, prefix_tokens;
  int64_t dim, grid_h, grid_w, patch_h, patch_w, channels;
  int64_t out_dim, out_grid_h, out_grid_w; /* hierarchical encoders end on a smaller grid */
} ssp_token_info;

typedef struct ssp_encode {
  uint32_t struct_size, flags;
  int64_t h, w;           /* pixels of the whole image */
  ssp_tensor tokens;      /* [B, K, dim], positions already added */
  ssp_tensor ids;         /* i64 [B, K], grid cell of each token; none: all cells in order */
  ssp_tensor bias;        /* additive attention bias, broadcast to [B, heads, prefix + K, prefix + K]; or none */
  const ssp_sink* layers; /* null: the result only */
} ssp_encode;

typedef struct ssp_backbone_tokens {
  uint32_t struct_size, caps;
  ssp_str (*schema)(void);
  ssp_status (*create)(ssp_build*, ssp_component* out);
  void (*destroy)(ssp_component);
  ssp_status (*info)(ssp_component, int64_t h, int64_t w, ssp_token_info* out); /* set out->struct_size first */
  /* Patches [B, grid, dim] without positions. */
  ssp_status (*embed)(ssp_component, ssp_call*, ssp_tensor images, ssp_tensor* out);
  /* patch [1, grid, dim], prefix [1, prefix_tokens, dim] or none, for images of h by w pixels. */
  ssp_status (*positions)(ssp_component, ssp_call*, int64_t h, int64_t w, ssp_tensor* patch, ssp_tensor* prefix);
  /* Puts the prefix tokens with their own positions before: [B, K, dim] -> [B, prefix + K, out_dim]. */
  ssp_status (*encode)(ssp_component, ssp_call*, const ssp_encode*, ssp_tensor* out);
} ssp_backbone_tokens;

#ifdef __cplusplus
}
#endif
#endif
