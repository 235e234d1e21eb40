/* A plugin in plain C for the tests of the bridge: small components that do what they should, or, asked by their
 * configuration ("fault"), one thing that they should not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ssp/abi.h"

static const ssp_host* host;
static const ssp_ops* ops;
static const ssp_params* params;
static const ssp_config* config;
static const ssp_registry* registry;
static const ssp_calls* calls;
static const ssp_rng* rng;
static const ssp_log* logs;

static ssp_op op_mm, op_mean, op_flatten, op_pow, op_detach, op_add_, op_unsqueeze;

static ssp_str str(const char* s) {
  ssp_str r = {s, strlen(s)};
  return r;
}
static int same(ssp_str a, const char* b) { return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0; }

static ssp_status fail(const char* text) {
  host->set_error(host, str(text));
  return SSP_E_PLUGIN;
}
#define TRY(expression)                     \
  do {                                      \
    const ssp_status status = (expression); \
    if (status != SSP_OK) return status;    \
  } while (0)

static ssp_value tensor(ssp_tensor t) {
  ssp_value v = {SSP_V_TENSOR, 0, {.tensor = t}};
  return v;
}
static ssp_value integer(int64_t i) {
  ssp_value v = {SSP_V_INT, 0, {.i = i}};
  return v;
}
static ssp_status call(ssp_op op, const ssp_value* args, uint32_t n, ssp_tensor* out) {
  ssp_value result;
  uint32_t count = 1;
  TRY(ops->call(op, args, n, &result, &count));
  *out = result.u.tensor;
  return SSP_OK;
}

/* The string of a key, copied; "" when absent. */
static ssp_status text_of(ssp_build* b, const char* key, char* out, size_t room) {
  ssp_value v;
  TRY(config->get(b, str(key), &v));
  out[0] = 0;
  if (v.kind == SSP_V_STR && v.count < room) {
    memcpy(out, v.u.s, v.count);
    out[v.count] = 0;
  }
  return SSP_OK;
}

static ssp_status declare(ssp_build* b, const char* name, uint32_t kind, const int64_t* sizes, uint32_t ndim,
                          ssp_tensor* out) {
  const ssp_init init = {sizeof init, SSP_INIT_NORMAL, 0, 0.5, 0, 0, 0, 0, NULL, 0};
  const ssp_param_desc desc = {sizeof desc, SSP_F32, str(name), sizes, ndim, kind, 0, -1, &init};
  return params->declare(b, &desc, out);
}

/* ---- backbone.tokens ---- */
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
  out->prefix_tokens = 0;
  out->dim = out->out_dim = strcmp(((Tokens*)c)->fault, "info") == 0 ? 0 : 8;
  out->grid_h = out->grid_w = out->out_grid_h = out->out_grid_w = 1;
  out->patch_h = h;
  out->patch_w = w;
  out->channels = 1;
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
  ssp_op unflatten = NULL;
  if (ops->resolve("aten::exp", "", "self", &unflatten) != SSP_E_PRECONDITION) return fail("resolved in mid-step");
  /* [B, 8] -> [B, 1, 8] */
  const ssp_value wide[2] = {tensor(patches), integer(1)};
  const ssp_status widened = call(op_unsqueeze, wide, 2, out);
  ops->release(patches);
  return widened;
}
static ssp_status tokens_positions(ssp_component c, ssp_call* at, int64_t h, int64_t w, ssp_tensor* patch,
                                   ssp_tensor* prefix) {
  (void)c, (void)at, (void)h, (void)w;
  const float zeros[8] = {0};
  const int64_t sizes[3] = {1, 1, 8};
  prefix->id = 0;
  return ops->from_host(zeros, SSP_F32, sizes, 3, patch);
}
static ssp_status tokens_encode(ssp_component c, ssp_call* at, const ssp_encode* request, ssp_tensor* out) {
  Tokens* t = c;
  (void)at;
  if (strcmp(t->fault, "operator") == 0) {
    const ssp_value product[2] = {tensor(t->weight), tensor(t->weight)};
    return call(op_mm, product, 2, out);
  }
  if (SSP_HAS(ssp_sink, request->layers, tensor)) {
    TRY(request->layers->tensor(request->layers, str("layer0"), request->tokens, 0));
  }
  *out = request->tokens;
  return ops->retain(request->tokens);
}
static const ssp_backbone_tokens tokens_table = {sizeof tokens_table, 0,           tokens_schema, tokens_create,
                                                 tokens_destroy,      tokens_info, tokens_embed,  tokens_positions,
                                                 tokens_encode};

/* ---- backbone ---- */
typedef struct Backbone {
  int dummy;
} Backbone;
static ssp_str empty_schema(void) { return str("{\"type\":\"object\"}"); }
static ssp_status backbone_create(ssp_build* b, ssp_component* out) {
  (void)b;
  *out = calloc(1, sizeof(Backbone));
  return SSP_OK;
}
static void backbone_destroy(ssp_component c) { free(c); }
static ssp_status backbone_layer(ssp_component c, int64_t h, int64_t w, uint32_t index, ssp_layer_info* out) {
  (void)c;
  if (index > 0) {
    out->shape = SSP_SHAPE_NONE;
    return SSP_OK;
  }
  out->shape = SSP_SHAPE_MAP;
  out->name = str("map");
  out->channels = 1;
  out->height = h;
  out->width = w;
  return SSP_OK;
}
static ssp_status backbone_forward(ssp_component c, ssp_call* at, ssp_tensor images, const ssp_sink* layers) {
  (void)c, (void)at;
  return layers->tensor(layers, str("map"), images, 0);
}
static const ssp_backbone backbone_table = {
    sizeof backbone_table, 0, empty_schema, backbone_create, backbone_destroy, backbone_layer, backbone_forward};

/* Asks for itself. */
static ssp_status loop_create(ssp_build* b, ssp_component* out) {
  const void* table;
  ssp_component child;
  (void)out;
  return registry->create(b, SSP_KIND_BACKBONE, &table, &child);
}
static const ssp_backbone loop_table = {
    sizeof loop_table, 0, empty_schema, loop_create, backbone_destroy, backbone_layer, backbone_forward};

/* ---- algorithm ---- */
typedef struct Probe {
  const ssp_backbone_tokens* tokens;
  ssp_component encoder, twin;
  const ssp_backbone* maps;
  ssp_component map;
  ssp_tensor head; /* [8, 1] */
  char fault[32];
  uint64_t steps, events;
  uint32_t listed, seen_layers;
} Probe;

static ssp_status count_listed(const ssp_sink* self, ssp_str name, ssp_tensor t, uint32_t flags) {
  (void)name, (void)t, (void)flags;
  ++*(uint32_t*)self->receiver;
  return SSP_OK;
}

static ssp_str probe_schema(void) {
  return str(
      "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"fault\":{\"type\":\"string\"},"
      "\"backbone\":{\"type\":\"object\",\"x-ssp-component\":\"ssp.backbone.tokens/0\"}}}");
}
static ssp_status probe_defaults(ssp_build* b, const ssp_sink* sink) {
  ssp_value epochs, length, got;
  char text[128];
  TRY(config->fact(b, str("max_epochs"), &epochs));
  TRY(config->fact(b, str("dataset_length"), &length));
  if (length.kind != SSP_V_NONE) return fail("defaults were told the dataset's length");
  if (config->get(b, str("type"), &got) != SSP_E_PRECONDITION) return fail("defaults got at the configuration");
  snprintf(text, sizeof text, "{\"optim_wrapper\":{\"lr\":%.1f}}",
           epochs.kind == SSP_V_INT ? 0.5 * (double)epochs.u.i : 0.1);
  return sink->bytes(sink, text, strlen(text));
}
static ssp_status probe_create(ssp_build* b, ssp_component* out) {
  Probe* p = calloc(1, sizeof *p);
  ssp_build* child = NULL;
  const void* table = NULL;
  const int64_t head[2] = {8, 1};
  *out = p;
  TRY(text_of(b, "fault", p->fault, sizeof p->fault));
  const ssp_scope plain = {sizeof plain, 0, str("backbone"), str("backbone"), {NULL, 0}};
  TRY(params->scope(b, &plain, &child));
  TRY(registry->create(child, SSP_KIND_BACKBONE_TOKENS, &table, &p->encoder));
  p->tokens = table;
  /* A frozen twin of the same node under another name. */
  const ssp_scope twin = {sizeof twin, SSP_SCOPE_FROZEN, str("teacher"), str("backbone"), str("{\"fault\":\"\"}")};
  TRY(params->scope(b, &twin, &child));
  TRY(registry->create(child, SSP_KIND_BACKBONE_TOKENS, &table, &p->twin));
  const ssp_scope maps = {sizeof maps, 0, str("maps"), {NULL, 0}, str("{\"type\":\"ProbeBackbone\"}")};
  TRY(params->scope(b, &maps, &child));
  TRY(registry->create(child, SSP_KIND_BACKBONE, &table, &p->map));
  p->maps = table;
  TRY(declare(b, "head.weight", SSP_PARAM, head, 2, &p->head));
  const ssp_sink sink = {sizeof sink, 0, &p->listed, count_listed, NULL};
  TRY(params->list(b, str(""), SSP_PARAM | SSP_PARAM_FROZEN, &sink));
  const ssp_init ones = {sizeof ones, SSP_INIT_CONSTANT, 1, 0, 0, 0, 0, 0, NULL, 0};
  TRY(params->reinit(b, str("head.weight"), &ones));
  if (p->listed != 3) return fail("list did not show three tensors");
  return SSP_OK;
}
static void probe_destroy(ssp_component c) {
  Probe* p = c;
  ops->release(p->head);
  free(p);
}

static ssp_status count_layer(const ssp_sink* self, ssp_str name, ssp_tensor t, uint32_t flags) {
  (void)t, (void)flags;
  Probe* p = self->receiver;
  if (same(name, "layer0") || same(name, "map")) ++p->seen_layers;
  return SSP_OK;
}

static ssp_status encode(Probe* p, ssp_call* at, ssp_tensor images, ssp_tensor* out) {
  ssp_tensor tokens, patch, prefix;
  ssp_token_info info = {.struct_size = sizeof info};
  TRY(p->tokens->info(p->encoder, 4, 4, &info));
  TRY(p->tokens->embed(p->encoder, at, images, &tokens));
  TRY(p->tokens->positions(p->encoder, at, 4, 4, &patch, &prefix));
  ops->release(patch);
  const ssp_sink sink = {sizeof sink, 0, p, count_layer, NULL};
  const ssp_encode request = {sizeof request, 0, 4, 4, tokens, {0}, {0}, &sink};
  const ssp_status status = p->tokens->encode(p->encoder, at, &request, out);
  ops->release(tokens);
  return status;
}

static ssp_status probe_step(ssp_component c, ssp_call* at, const ssp_batch* batch, const ssp_sink* sink) {
  Probe* p = c;
  ssp_call_info info = {.struct_size = sizeof info};
  ssp_tensor tokens, flat, pred, square, loss, label;
  ssp_layer_info layer = {.struct_size = sizeof layer};
  const int late = strcmp(p->fault, "config_late") == 0 && p->steps > 0;
  if (late || strcmp(p->fault, "config") == 0)
    return host->set_error(host, str("these sizes do not fit")), SSP_E_CONFIG;
  TRY(calls->info(at, &info));
  if (info.mode != SSP_MODE_TRAIN) return fail("a training step in another mode");
  const ssp_batch copy = *batch; /* as good as the original */
  TRY(copy.field(&copy, str("label"), -1, &label));
  if (label.id) ops->release(label);
  TRY(p->maps->layer(p->map, 4, 4, 0, &layer));
  const ssp_sink maps = {sizeof maps, 0, p, count_layer, NULL};
  TRY(p->maps->forward(p->map, at, batch->views[0], &maps));
  TRY(encode(p, at, batch->views[0], &tokens));
  const ssp_value flatten[3] = {tensor(tokens), integer(0), integer(1)};
  TRY(call(op_flatten, flatten, 3, &flat));
  ops->release(tokens);
  const ssp_value product[2] = {tensor(flat), tensor(p->head)};
  TRY(call(op_mm, product, 2, &pred));
  ops->release(flat);
  const ssp_value power[2] = {tensor(pred), integer(2)};
  TRY(call(op_pow, power, 2, &square));
  ops->release(pred);
  const ssp_value one[1] = {tensor(square)};
  TRY(call(op_mean, one, 1, &loss));
  ++p->steps;
  ssp_status status = SSP_OK;
  if (strcmp(p->fault, "no_loss") == 0) {
    status = sink->tensor(sink, str("m"), loss, SSP_EMIT_METRIC);
  } else if (strcmp(p->fault, "vector") == 0) {
    status = sink->tensor(sink, str("loss"), square, SSP_EMIT_LOSS);
  } else if (strcmp(p->fault, "flags") == 0) {
    status = sink->tensor(sink, str("loss"), loss, SSP_EMIT_LOSS | 64);
  } else if (strncmp(p->fault, "second ", 7) == 0) { /* a second loss, of that name */
    status = sink->tensor(sink, str("loss"), loss, SSP_EMIT_LOSS);
    if (status == SSP_OK) status = sink->tensor(sink, str(p->fault + 7), loss, SSP_EMIT_LOSS);
  } else {
    status = sink->tensor(sink, str("loss"), loss, SSP_EMIT_LOSS);
    ssp_tensor metric;
    if (status == SSP_OK) status = call(op_detach, (const ssp_value[]){tensor(loss)}, 1, &metric);
    if (status == SSP_OK) status = sink->tensor(sink, str("metric"), metric, SSP_EMIT_METRIC);
    if (status == SSP_OK) ops->release(metric);
  }
  ops->release(square);
  if (strcmp(p->fault, "leak") == 0) return status;
  ops->release(loss);
  if (strcmp(p->fault, "unbalanced") == 0) TRY(ops->grad_push(0));
  if (strcmp(p->fault, "release") == 0) TRY(ops->release(batch->views[0]));
  if (strcmp(p->fault, "stale") == 0) return sink->tensor(sink, str("late"), loss, SSP_EMIT_METRIC);
  if (strcmp(p->fault, "pop") == 0) return ops->state_pop();
  return status;
}
static ssp_status probe_features(ssp_component c, ssp_call* at, ssp_tensor images, const ssp_str* layers, uint32_t n,
                                 const ssp_sink* out) {
  Probe* p = c;
  ssp_tensor tokens, flat;
  ssp_tensor_info info;
  ssp_call_info where = {.struct_size = sizeof where};
  TRY(calls->info(at, &where));
  if (where.mode != SSP_MODE_EVAL) return fail("features in another mode than eval");
  const int more = strcmp(p->fault, "more_features") == 0;
  if (n > 0 && !more && !same(layers[0], "mean")) return fail("unknown layer");
  TRY(encode(p, at, images, &tokens));
  const ssp_value flatten[3] = {tensor(tokens), integer(0), integer(1)};
  TRY(call(op_flatten, flatten, 3, &flat));
  ops->release(tokens);
  TRY(ops->info(flat, &info, sizeof info));
  if (info.requires_grad) return fail("features with gradients");
  ssp_status status = out->tensor(out, str("mean"), flat, 0);
  if (status == SSP_OK && more) status = out->tensor(out, str("more"), flat, 0);
  ops->release(flat);
  if (strcmp(p->fault, "release") == 0) TRY(ops->release(images));
  return status;
}
static ssp_status probe_reconstruct(ssp_component c, ssp_call* at, const ssp_batch* batch, const ssp_sink* images) {
  (void)c, (void)at;
  return images->tensor(images, str("original"), batch->views[0], SSP_EMIT_IMAGE);
}
static ssp_status probe_event(ssp_component c, ssp_call* at, uint32_t event) {
  Probe* p = c;
  p->events = p->events * 10 + event;
  if (strcmp(p->fault, "noise") == 0) { /* fails with a number that it draws */
    ssp_tensor t;
    float drawn;
    char text[32];
    TRY(rng->per_sample(at, str("noise"), 1, 1, &t));
    TRY(ops->to_host(t, SSP_F32, &drawn, sizeof drawn));
    ops->release(t);
    snprintf(text, sizeof text, "%.9g", (double)drawn);
    return fail(text);
  }
  if (strcmp(p->fault, "event") == 0) return fail("the event was told to fail");
  if (event == SSP_EVENT_UPDATED) { /* in place on a parameter: legal, gradients are off */
    ssp_value changed;
    uint32_t one = 1;
    const ssp_value args[2] = {tensor(p->head), tensor(p->head)};
    TRY(ops->call(op_add_, args, 2, &changed, &one));
    ops->release(changed.u.tensor);
  }
  return SSP_OK;
}
static ssp_status probe_save(ssp_component c, uint32_t scope, const ssp_sink* sink) {
  Probe* p = c;
  if (scope == SSP_STATE_SHARED) {
    TRY(sink->bytes(sink, &p->steps, sizeof p->steps));
    return sink->bytes(sink, &p->events, sizeof p->events);
  }
  return SSP_OK;
}
static ssp_status probe_load(ssp_component c, uint32_t scope, const void* data, uint64_t size) {
  Probe* p = c;
  if (scope != SSP_STATE_SHARED || size != 16) return fail("a state of another size");
  memcpy(&p->steps, data, 8);
  memcpy(&p->events, (const char*)data + 8, 8);
  return SSP_OK;
}
static const ssp_algorithm probe_table = {
    sizeof probe_table, 0,          probe_schema,   probe_defaults,    probe_create,
    probe_destroy,      probe_step, probe_features, probe_reconstruct, probe_event,
    probe_save,         probe_load};

/* ---- transform: inverts every image, appends a small grey one, sets a field ---- */
static ssp_status invert_create(ssp_build* b, ssp_component* out) {
  ssp_tensor t;
  const int64_t one[1] = {1};
  *out = NULL;
  if (declare(b, "x", SSP_PARAM, one, 1, &t) != SSP_E_PRECONDITION) return fail("a transform declared a parameter");
  Tokens* state = calloc(1, sizeof *state);
  *out = state;
  return text_of(b, "fault", state->fault, sizeof state->fault);
}
static void invert_destroy(ssp_component c) { free(c); }
static ssp_status invert_apply(ssp_component c, const ssp_sample_api* api, ssp_sample* s) {
  const Tokens* state = c;
  const uint32_t n = api->count(s);
  if (strcmp(state->fault, "fail") == 0) return fail("the transform was told to fail");
  if (strcmp(state->fault, "config") == 0) return host->set_error(host, str("no such image")), SSP_E_CONFIG;
  for (uint32_t i = 0; i < n; ++i) {
    ssp_image in = {.struct_size = sizeof in}, out = {.struct_size = sizeof out};
    TRY(api->get(s, i, &in));
    TRY(api->alloc(s, in.height, in.width, in.channels, &out));
    for (int64_t y = 0; y < in.height; ++y)
      for (int64_t x = 0; x < in.width * (int64_t)in.channels; ++x)
        out.data[y * out.row_stride + x] = (uint8_t)(255 - in.data[y * in.row_stride + x]);
    TRY(api->replace(s, i, &out));
    if (api->replace(s, i, &out) != SSP_E_ARGUMENT) return fail("one image was given twice");
  }
  ssp_image small = {.struct_size = sizeof small};
  TRY(api->alloc(s, 2, 2, 1, &small));
  memset(small.data, 7, 4);
  TRY(api->append(s, &small));
  ssp_tensor none = {0};
  ssp_value value = tensor(none), out;
  uint32_t one = 1;
  if (ops->call(op_mean, &value, 1, &out, &one) != SSP_E_PRECONDITION) return fail("a transform called an operator");
  ssp_op late = NULL;
  if (ops->resolve("aten::exp", "", "self", &late) != SSP_E_PRECONDITION) return fail("a transform resolved");
  const int64_t drawn = (int64_t)(api->random64(s) >> 1), sizes[1] = {1};
  return api->set_field(s, str("drawn"), SSP_I64, sizes, 1, &drawn);
}
static const ssp_transform invert_table = {sizeof invert_table, 0,           empty_schema, invert_create,
                                           invert_destroy,      invert_apply};

/* ---- entry ---- */
static ssp_status resolve_all(void) {
  TRY(ops->resolve("aten::mm", "", "self,mat2", &op_mm));
  TRY(ops->resolve("aten::mean", "", "self", &op_mean));
  TRY(ops->resolve("aten::flatten", "using_ints", "self,start_dim,end_dim", &op_flatten));
  TRY(ops->resolve("aten::pow", "Tensor_Scalar", "self,exponent", &op_pow));
  TRY(ops->resolve("aten::detach", "", "self", &op_detach));
  TRY(ops->resolve("aten::add_", "Tensor", "self,other", &op_add_));
  return ops->resolve("aten::unsqueeze", "", "self,dim", &op_unsqueeze);
}
static ssp_status init(const ssp_host* h) {
  host = h;
  ops = h->get_extension(h, SSP_EXT_OPS);
  params = h->get_extension(h, SSP_EXT_PARAMS);
  config = h->get_extension(h, SSP_EXT_CONFIG);
  registry = h->get_extension(h, SSP_EXT_REGISTRY);
  calls = h->get_extension(h, SSP_EXT_CALL);
  rng = h->get_extension(h, SSP_EXT_RNG);
  logs = h->get_extension(h, SSP_EXT_LOG);
  if (!ops || !params || !config || !registry || !calls || !rng || !logs) return SSP_E_UNSUPPORTED;
  return resolve_all();
}
static void shut_down(void) {}
static ssp_status get_factory(ssp_str kind, ssp_str name, const void** table) {
  if (same(kind, SSP_KIND_ALGORITHM) && same(name, "Probe")) return *table = &probe_table, SSP_OK;
  if (same(kind, SSP_KIND_BACKBONE_TOKENS) && same(name, "ProbeTokens")) return *table = &tokens_table, SSP_OK;
  if (same(kind, SSP_KIND_BACKBONE) && same(name, "ProbeBackbone")) return *table = &backbone_table, SSP_OK;
  if (same(kind, SSP_KIND_BACKBONE) && same(name, "ProbeLoop")) return *table = &loop_table, SSP_OK;
  if (same(kind, SSP_KIND_TRANSFORM) && same(name, "ProbeInvert")) return *table = &invert_table, SSP_OK;
  return SSP_E_UNSUPPORTED;
}
__attribute__((visibility("default")))
const ssp_plugin_entry ssp_plugin_v1 = {sizeof ssp_plugin_v1, SSP_ABI_MINOR, init, shut_down, get_factory};
