/* The probe's backbone.tokens: one patch an image. */
#include "probe.h"

typedef struct Tokens {
  ssp_tensor weight; /* [pixels, 8] */
  int64_t image_size;
  char fault[32];
} Tokens;

static ssp_str tokens_schema(void) {
  return str(
      "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"image_size\":{\"type\":\"integer\"},"
      "\"fault\":{\"type\":\"string\",\"default\":\"\"}}}");
}
static ssp_status tokens_create(ssp_build* b, ssp_component* out) {
  Tokens* t = calloc(1, sizeof *t);
  ssp_value size;
  *out = t;
  TRY(text_of(b, "fault", t->fault, sizeof t->fault));
  if (strcmp(t->fault, "create") == 0) {
    free(t);
    return fail("create was told to fail");
  }
  if (strcmp(t->fault, "unknown_key") == 0) {
    free(t);
    return config->get(b, str("image_sise"), &size);
  }
  TRY(config->get(b, str("image_size"), &size));
  t->image_size = size.kind == SSP_V_INT ? size.u.i : 4;
  const int64_t sizes[2] = {t->image_size * t->image_size, 8};
  TRY(declare(b, "weight", SSP_PARAM, sizes, 2, &t->weight));
  if (strcmp(t->fault, "late") != 0) return SSP_OK;
  ops->release(t->weight);
  free(t);
  return fail("create was told to fail late");
}
static void tokens_destroy(ssp_component c) {
  ops->release(((Tokens*)c)->weight);
  free(c);
}
static ssp_status tokens_info(ssp_component c, int64_t h, int64_t w, ssp_token_info* out) {
  static const ssp_str layers[2] = {{"layer0", 6}, {"layer1", 6}};
  out->prefix_tokens = 0;
  out->dim = out->out_dim = strcmp(((Tokens*)c)->fault, "info") == 0 ? 0 : 8;
  out->grid_h = out->grid_w = out->out_grid_h = out->out_grid_w = 1;
  out->patch_h = h;
  out->patch_w = w;
  out->channels = 1;
  out->layers = layers;
  out->n_layers = 2;
  return SSP_OK;
}
/* [B, 1, h, w] -> [B, 1, 8] */
static ssp_status tokens_embed(ssp_component c, ssp_call* at, ssp_tensor images, ssp_tensor* out) {
  Tokens* t = c;
  (void)at;
  if (strcmp(t->fault, "silent") == 0) return SSP_E_PLUGIN;
  if (strcmp(t->fault, "foreign") == 0) {
    out->id = 0x12345678deadbeefULL;
    return SSP_OK;
  }
  if (strcmp(t->fault, "shape") == 0) {
    *out = t->weight;
    return ops->retain(t->weight);
  }
  ssp_tensor rows;
  const ssp_value flatten[3] = {tensor(images), integer(2), integer(3)};
  TRY(call(op_flatten, flatten, 3, &rows));
  ssp_tensor flat, patches;
  const ssp_value again[3] = {tensor(rows), integer(0), integer(1)};
  TRY(call(op_flatten, again, 3, &flat));
  ops->release(rows);
  const ssp_value product[2] = {tensor(flat), tensor(t->weight)};
  const ssp_status status = call(op_mm, product, 2, &patches);
  ops->release(flat);
  if (status != SSP_OK) return status;
  ssp_op late = NULL;
  if (ops->resolve(host, "aten::exp", "", "self", &late) != SSP_E_PRECONDITION) return fail("resolved in mid-step");
  /* [B, 8] -> [B, 1, 8] */
  const ssp_value wide[2] = {tensor(patches), integer(1)};
  const ssp_status widened = call(op_unsqueeze, wide, 2, out);
  ops->release(patches);
  return widened;
}
static ssp_status tokens_positions(ssp_component c, ssp_call* at, int64_t h, int64_t w, ssp_tensor* patch,
                                   ssp_tensor* prefix) {
  (void)c, (void)h, (void)w;
  const float zeros[8] = {0};
  const int64_t sizes[3] = {1, 1, 8};
  prefix->id = 0;
  return ops->from_host(at, zeros, SSP_F32, sizes, 3, patch);
}
static ssp_status tokens_encode(ssp_component c, ssp_call* at, const ssp_encode* request, ssp_tensor* out) {
  Tokens* t = c;
  (void)at;
  if (strcmp(t->fault, "operator") == 0) {
    const ssp_value product[2] = {tensor(t->weight), tensor(t->weight)};
    return call(op_mm, product, 2, out);
  }
  const ssp_sink* sink = request->layers;
  const int silent = strcmp(t->fault, "layer_missing") == 0;
  for (uint32_t i = 0; i < request->n_names && !silent; ++i)
    TRY(sink->tensor(sink, request->names[i], request->tokens, 0));
  if (strcmp(t->fault, "layer_twice") == 0) TRY(sink->tensor(sink, request->names[0], request->tokens, 0));
  if (strcmp(t->fault, "layer_unasked") == 0) TRY(sink->tensor(sink, str("layer1"), request->tokens, 0));
  *out = request->tokens;
  return ops->retain(request->tokens);
}
static ssp_status tokens_names(ssp_component c, ssp_str format, const ssp_sink* pairs) {
  const Tokens* t = c;
  if (!same(format, "timm")) return SSP_OK;
  if (strcmp(t->fault, "names") == 0) return pairs->pair(pairs, str("nothing"), str("x"));
  TRY(pairs->pair(pairs, str("weight"), str("patch_embed.weight")));
  if (strcmp(t->fault, "names_twice") == 0) return pairs->pair(pairs, str("weight"), str("x"));
  return SSP_OK;
}
const ssp_backbone_tokens tokens_table = {sizeof tokens_table, 0,           tokens_schema, tokens_create,
                                          tokens_destroy,      tokens_info, tokens_embed,  tokens_positions,
                                          tokens_encode,       tokens_names};
