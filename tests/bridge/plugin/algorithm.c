/* The probe's algorithms. Probe: the square of what a head makes of one patch an image. */
#include <stdio.h>

#include "probe.h"

typedef struct Probe {
  const ssp_backbone_tokens* tokens;
  ssp_component encoder, twin;
  const ssp_backbone* maps;
  ssp_component map;
  ssp_tensor head; /* [8, 1] */
  char fault[32];
  uint64_t steps, events;
  uint32_t listed, seen_layers;
  ssp_call* kept;
  ssp_build* build;
  ssp_batch batch; /* copies, used beyond their time */
  ssp_sink sink;
} Probe;

static int told(const Probe* p, const char* fault) { return strcmp(p->fault, fault) == 0; }

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
  p->build = b;
  TRY(text_of(b, "fault", p->fault, sizeof p->fault));
  const ssp_scope plain = {sizeof plain, 0, str("backbone"), str("backbone"), {NULL, 0}};
  TRY(params->scope(b, &plain, &child));
  TRY(registry->create(child, SSP_KIND_BACKBONE_TOKENS, &table, &p->encoder));
  p->tokens = table;
  /* A frozen twin of the same node under another name. */
  const ssp_scope twin = {sizeof twin, SSP_SCOPE_FROZEN, str("teacher"), str("backbone"), str("{\"fault\":\"\"}")};
  TRY(params->scope(b, &twin, &child));
  TRY(registry->create(child, SSP_KIND_BACKBONE_TOKENS, &table, &p->twin));
  const ssp_scope maps = {sizeof maps, 0, str("maps"), {NULL, 0}, str("{\"type\":\"ProbeBackbone\",\"fault\":\"\"}")};
  TRY(params->scope(b, &maps, &child));
  TRY(registry->create(child, SSP_KIND_BACKBONE, &table, &p->map));
  p->maps = table;
  TRY(declare(b, "head.weight", SSP_PARAM, head, 2, &p->head));
  const ssp_sink sink = {sizeof sink, 0, &p->listed, count_listed, NULL, NULL};
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
  const ssp_sink sink = {sizeof sink, 0, p, count_layer, NULL, NULL};
  const ssp_str asked[1] = {str(told(p, "unknown_layer") ? "layer9" : "layer0")};
  const ssp_encode request = {sizeof request, 0, 4, 4, tokens, {0}, {0}, asked, 1, 0, &sink};
  const ssp_status status = p->tokens->encode(p->encoder, at, &request, out);
  ops->release(tokens);
  return status;
}

static ssp_status emit(Probe* p, const ssp_sink* sink, ssp_tensor loss, ssp_tensor square) {
  if (told(p, "no_loss")) return sink->tensor(sink, str("m"), loss, SSP_EMIT_METRIC);
  if (told(p, "vector")) return sink->tensor(sink, str("loss"), square, SSP_EMIT_LOSS);
  if (told(p, "flags")) return sink->tensor(sink, str("loss"), loss, SSP_EMIT_LOSS | 64);
  TRY(sink->tensor(sink, str("loss"), loss, SSP_EMIT_LOSS));
  if (strncmp(p->fault, "second ", 7) == 0) /* a second loss, of that name */
    return sink->tensor(sink, str(p->fault + 7), loss, SSP_EMIT_LOSS);
  ssp_tensor metric;
  TRY(call(op_detach, (const ssp_value[]){tensor(loss)}, 1, &metric));
  TRY(sink->tensor(sink, str(told(p, "not_utf8") ? "m\xff" : "metric"), metric, SSP_EMIT_METRIC));
  return ops->release(metric);
}

static ssp_status probe_step(ssp_component c, ssp_call* at, const ssp_batch* batch, const ssp_sink* sink) {
  Probe* p = c;
  ssp_call_info info = {.struct_size = sizeof info};
  ssp_tensor tokens, flat, pred, square, loss, label;
  ssp_value got;
  const int late = told(p, "config_late") && p->steps > 0;
  if (late || told(p, "config")) return host->set_error(host, str("these sizes do not fit")), SSP_E_CONFIG;
  if (p->kept && told(p, "kept ssp_call")) return calls->info(p->kept, &info);
  if (p->kept && told(p, "kept ssp_build")) return config->get(p->build, str("fault"), &got);
  if (p->kept && told(p, "kept ssp_batch")) return p->batch.field(&p->batch, str("label"), -1, &label);
  if (p->kept && told(p, "kept sink")) return p->sink.tensor(&p->sink, str("loss"), p->head, SSP_EMIT_LOSS);
  p->batch = *batch;
  p->sink = *sink;
  if (p->kept == at) return fail("a call has the address of the one before");
  p->kept = at;
  TRY(calls->info(at, &info));
  if (info.mode != SSP_MODE_TRAIN) return fail("a training step in another mode");
  const ssp_batch copy = *batch; /* as good as the original */
  TRY(copy.field(&copy, str("label"), -1, &label));
  if (label.id) ops->release(label);
  const ssp_sink maps = {sizeof maps, 0, p, count_layer, NULL, NULL};
  const ssp_forward forward = {sizeof forward, 0, batch->views[0], {0}, NULL, 0, 0, &maps};
  TRY(p->maps->forward(p->map, at, &forward));
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
  const void* table;
  ssp_component late_made;
  if (told(p, "create_late")) return registry->create(p->build, SSP_KIND_BACKBONE_TOKENS, &table, &late_made);
  if (told(p, "gradient_early")) return ops->gradient(p->head, &label);
  const ssp_status status = emit(p, sink, loss, square);
  ops->release(square);
  if (told(p, "leak")) return status;
  ops->release(loss);
  if (told(p, "unbalanced")) TRY(ops->grad_push(at, 0));
  if (told(p, "release")) TRY(ops->release(batch->views[0]));
  if (told(p, "stale")) return sink->tensor(sink, str("late"), loss, SSP_EMIT_METRIC);
  if (told(p, "pop")) return ops->state_pop(at);
  return status;
}
static ssp_status probe_features(ssp_component c, ssp_call* at, ssp_tensor images, const ssp_str* layers, uint32_t n,
                                 const ssp_sink* out) {
  Probe* p = c;
  ssp_tensor tokens, flat;
  ssp_tensor_info info = {.struct_size = sizeof info};
  ssp_call_info where = {.struct_size = sizeof where};
  TRY(calls->info(at, &where));
  if (where.mode != SSP_MODE_EVAL) return fail("features in another mode than eval");
  const int more = told(p, "more_features");
  if (n > 0 && !more && !same(layers[0], "mean")) return fail("unknown layer");
  TRY(encode(p, at, images, &tokens));
  if (told(p, "unpooled")) return out->tensor(out, str("mean"), tokens, 0);
  if (told(p, "look_and_change")) {
    const ssp_value args[2] = {tensor(p->head), tensor(p->head)};
    return ops->call(op_add_, args, 2, NULL, &(uint32_t){0});
  }
  if (told(p, "look_and_train")) {
    const ssp_fork spec = {.struct_size = sizeof spec, .mode = SSP_MODE_TRAIN, .site = str("again")};
    ssp_call* child;
    return calls->fork(at, &spec, &child);
  }
  const ssp_value flatten[3] = {tensor(tokens), integer(0), integer(1)};
  TRY(call(op_flatten, flatten, 3, &flat));
  ops->release(tokens);
  TRY(ops->info(flat, &info));
  if (info.requires_grad) return fail("features with gradients");
  ssp_status status = out->tensor(out, str("mean"), flat, 0);
  if (status == SSP_OK && more) status = out->tensor(out, str("more"), flat, 0);
  ops->release(flat);
  if (told(p, "release")) TRY(ops->release(images));
  return status;
}
static ssp_status probe_reconstruct(ssp_component c, ssp_call* at, const ssp_batch* batch, const ssp_sink* images) {
  (void)c, (void)at;
  return images->tensor(images, str("original"), batch->views[0], SSP_EMIT_IMAGE);
}

/* Fails with a number that it draws. */
static ssp_status tell_noise(ssp_call* at) {
  ssp_tensor t;
  float drawn;
  char text[32];
  TRY(rng->per_sample(at, str("noise"), 1, 1, &t));
  TRY(ops->to_host(t, SSP_F32, &drawn, sizeof drawn));
  ops->release(t);
  snprintf(text, sizeof text, "%.9g", (double)drawn);
  return fail(text);
}

static ssp_status probe_event(ssp_component c, ssp_call* at, const ssp_event* event) {
  Probe* p = c;
  ssp_value changed;
  uint32_t one = 1;
  p->events = p->events * 10 + event->kind;
  if (told(p, "noise")) return tell_noise(at);
  if (told(p, "event")) return fail("the event was told to fail");
  if (event->kind == SSP_EVENT_UPDATED) { /* in place on a parameter: legal, gradients are off */
    const ssp_value args[2] = {tensor(p->head), tensor(p->head)};
    TRY(ops->call(op_add_, args, 2, &changed, &one));
    ops->release(changed.u.tensor);
    ssp_tensor mean;
    TRY(call(op_mean, (const ssp_value[]){tensor(p->head)}, 1, &mean));
    TRY(event->metrics->tensor(event->metrics, str(told(p, "event_total") ? "loss" : "head"), mean,
                               told(p, "event_loss") ? SSP_EMIT_LOSS : SSP_EMIT_METRIC));
    ops->release(mean);
  }
  if (event->kind == SSP_EVENT_GRADIENTS) { /* halves the head's */
    ssp_tensor gradient;
    TRY(ops->gradient(p->head, &gradient));
    if (!gradient.id) return fail("the head has no gradient");
    const ssp_value args[2] = {tensor(gradient), {SSP_V_DOUBLE, 0, {.d = 0.5}}};
    TRY(ops->call(op_mul_, args, 2, &changed, &one));
    ops->release(changed.u.tensor);
    ops->release(gradient);
  }
  return SSP_OK;
}
static ssp_status probe_save(ssp_component c, uint32_t scope, const ssp_sink* sink) {
  Probe* p = c;
  if (told(p, "sink_exchanged")) return p->sink.tensor(sink, str("loss"), p->head, SSP_EMIT_LOSS);
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
static ssp_status probe_names(ssp_component c, ssp_str format, const ssp_sink* pairs) {
  (void)c;
  if (!same(format, "timm")) return SSP_OK;
  TRY(pairs->pair(pairs, str("head.weight"), str("fc.weight")));
  return pairs->pair(pairs, str("teacher.weight"), str("ema.weight"));
}
const ssp_algorithm probe_table = {.struct_size = sizeof probe_table,
                                   .caps = SSP_CAP_GRADIENTS | SSP_CAP_EPOCH_BEGIN,
                                   .schema = probe_schema,
                                   .create = probe_create,
                                   .destroy = probe_destroy,
                                   .defaults = probe_defaults,
                                   .training_step = probe_step,
                                   .features = probe_features,
                                   .reconstruct = probe_reconstruct,
                                   .on_event = probe_event,
                                   .save_state = probe_save,
                                   .load_state = probe_load,
                                   .names = probe_names};

/* ProbeAsks: an algorithm that asks for a target, a kind that the host does not know, and emits what it answers. */
typedef struct Asks {
  const Target* table;
  ssp_component target;
} Asks;
static ssp_str asks_schema(void) {
  return str(
      "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"target\":{\"type\":\"object\","
      "\"x-ssp-component\":\"" KIND_TARGET "\"}}}");
}
static ssp_status asks_create(ssp_build* b, ssp_component* out) {
  Asks* a = calloc(1, sizeof *a);
  ssp_build* child;
  const void* table;
  *out = a;
  const ssp_scope scope = {sizeof scope, 0, str("target"), str("target"), {NULL, 0}};
  TRY(params->scope(b, &scope, &child));
  const ssp_status status = registry->create(child, KIND_TARGET, &table, &a->target);
  if (status != SSP_OK) return free(a), status;
  a->table = table;
  return SSP_OK;
}
static void asks_destroy(ssp_component c) {
  const Asks* a = c;
  const ssp_log* log = host->get_extension(host, SSP_EXT_LOG);
  log->write(host, SSP_LOG_INFO, str(a->table->answer(a->target) == 7 ? "it still answers" : "it answers otherwise"));
  free(c);
}
static ssp_status asks_step(ssp_component c, ssp_call* at, const ssp_batch* batch, const ssp_sink* sink) {
  const Asks* a = c;
  const float answer = (float)a->table->answer(a->target);
  ssp_tensor t;
  (void)batch;
  TRY(ops->from_host(at, &answer, SSP_F32, NULL, 0, &t));
  TRY(sink->tensor(sink, str("loss"), t, SSP_EMIT_LOSS));
  return ops->release(t);
}
const ssp_algorithm asks_table = {.struct_size = sizeof asks_table,
                                  .schema = asks_schema,
                                  .create = asks_create,
                                  .destroy = asks_destroy,
                                  .training_step = asks_step};
