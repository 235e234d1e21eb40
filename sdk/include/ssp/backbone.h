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

/* VECTOR [B, channels], MAP [B, channels, height, width], TOKENS [B, prefix + height * width, channels]. */
enum { SSP_SHAPE_VECTOR = 1, SSP_SHAPE_MAP = 2, SSP_SHAPE_TOKENS = 3 };
/* flags of a layer. Exactly one is the main one, which stands for the whole: the last map of a convolutional network,
 * the class token or the mean of a transformer. */
enum { SSP_LAYER_MAIN = 1 };

typedef struct ssp_layer_info {
  uint32_t struct_size, shape, flags, reserved;
  ssp_str name;
  int64_t channels, height, width, prefix; /* 0 where the shape has none */
} ssp_layer_info;

/* OWNERSHIP: the caller's, dead when the call that took it returns; so is what it is given. THREAD: the one of that
 * call.
 */
typedef struct ssp_layer_sink {
  uint32_t struct_size, reserved;
  void* receiver; /* as in ssp_sink */
  ssp_status (*layer)(const struct ssp_layer_sink*, const ssp_layer_info*);
} ssp_layer_sink;

/* What forward computes. */
typedef struct ssp_forward {
  uint32_t struct_size, flags;
  ssp_tensor images;    /* [B, C, h, w] */
  ssp_tensor mask;      /* bool or f32 [B, grid_h, grid_w], 1: the patch is hidden; or none */
  const ssp_str* names; /* the layers asked for: these are computed and emitted, and no others */
  uint32_t n_names;     /* 0: the main one */
  uint32_t reserved;
  const ssp_sink* layers;
} ssp_forward;

/* THREAD: main. OWNERSHIP: resulting tensors are the caller's. names may be null. */
typedef struct ssp_backbone {
  uint32_t struct_size, caps;
  ssp_str (*schema)(void); /* OWNERSHIP: the plugin, for ever */
  ssp_status (*create)(ssp_build*, ssp_component* out);
  void (*destroy)(ssp_component);
  /* The layers for images of height h and width w, in the order in which forward emits them. */
  ssp_status (*layers)(ssp_component, int64_t h, int64_t w, const ssp_layer_sink*);
  /* A name that layers does not tell, or a mask that it cannot use, is SSP_E_CONFIG. */
  ssp_status (*forward)(ssp_component, ssp_call*, const ssp_forward*);
  /* For export, as in ssp_algorithm. */
  ssp_status (*names)(ssp_component, ssp_str format, const ssp_sink* pairs);
} ssp_backbone;

/* flags of an encoder's info. PATCHWISE: a token is made of the pixels of its own patch alone, in the same way wherever
 * that lies, and embed takes images of any grid. Whoever needs some of the patches may then embed an image made of
 * these and no others. */
enum { SSP_TOKENS_PATCHWISE = 1u << 16 }; /* who does not know it may ignore it */

typedef struct ssp_token_info {
  uint32_t struct_size, prefix_tokens;
  int64_t dim, grid_h, grid_w, patch_h, patch_w, channels;
  int64_t out_dim, out_grid_h, out_grid_w; /* hierarchical encoders end on a smaller grid */
  const ssp_str* layers;                   /* names of what encode can emit. OWNERSHIP: the component, while it lives */
  uint32_t n_layers, flags;                /* SSP_TOKENS_… */
} ssp_token_info;

typedef struct ssp_encode {
  uint32_t struct_size, flags;
  int64_t h, w;         /* pixels of the whole image */
  ssp_tensor tokens;    /* [B, K, dim], positions already added */
  ssp_tensor ids;       /* i64 [B, K], grid cell of each token; none: all cells in order */
  ssp_tensor bias;      /* additive attention bias, broadcast to [B, heads, prefix + K, prefix + K]; or none */
  const ssp_str* names; /* layers asked for beside the result, and emitted: [B, prefix + K, their dim] */
  uint32_t n_names;     /* 0: the result only */
  uint32_t reserved;
  const ssp_sink* layers; /* null: the result only */
} ssp_encode;

/* THREAD, OWNERSHIP: as ssp_backbone. */
typedef struct ssp_backbone_tokens {
  uint32_t struct_size, caps;
  ssp_str (*schema)(void);
  ssp_status (*create)(ssp_build*, ssp_component* out);
  void (*destroy)(ssp_component);
  ssp_status (*info)(ssp_component, int64_t h, int64_t w, ssp_token_info* out);
  /* Patches [B, grid, dim] without positions. */
  ssp_status (*embed)(ssp_component, ssp_call*, ssp_tensor images, ssp_tensor* out);
  /* patch [1, grid, dim], prefix [1, prefix_tokens, dim] or none, for images of h by w pixels. */
  ssp_status (*positions)(ssp_component, ssp_call*, int64_t h, int64_t w, ssp_tensor* patch, ssp_tensor* prefix);
  /* Puts the prefix tokens with their own positions before: [B, K, dim] -> [B, prefix + K, out_dim]. A layer that info
   * does not name is SSP_E_CONFIG. */
  ssp_status (*encode)(ssp_component, ssp_call*, const ssp_encode*, ssp_tensor* out);
  /* For export, as in ssp_algorithm. */
  ssp_status (*names)(ssp_component, ssp_str format, const ssp_sink* pairs);
} ssp_backbone_tokens;

#ifdef __cplusplus
}
#endif
#endif
