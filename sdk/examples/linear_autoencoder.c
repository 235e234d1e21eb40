/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin in C11 on the C tables alone: an autoencoder of two linear layers. What the C++ layer does for its users is
 * done here by hand: operators resolved in init, results released, failures passed on. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ssp/abi.h"

#define TEXT(s) ((ssp_str){(s), sizeof(s) - 1})

static const ssp_host* host;
static const ssp_ops* ops;
static const ssp_params* params;
static const ssp_config* config;
static ssp_op flatten, linear, mse_loss, mean;

typedef struct Autoencoder {
  ssp_tensor encoder, decoder; /* [code, pixels], [pixels, code] */
} Autoencoder;

/* Leaves on the first failure, whose text the host has. */
#define TRY(call)                                \
  do {                                           \
    const ssp_status try_status = (call);        \
    if (try_status != SSP_OK) return try_status; \
  } while (0)

static ssp_status refuse(ssp_status status, const char* text) {
  host->set_error(host, (ssp_str){text, strlen(text)});
  return status;
}

static ssp_value tensor(ssp_tensor t) {
  ssp_value v = {SSP_V_TENSOR, 0, {{0}}};
  v.u.tensor = t;
  return v;
}
static ssp_value whole(int64_t i) {
  ssp_value v = {SSP_V_INT, 0, {{0}}};
  v.u.i = i;
  return v;
}

/* The one result of an operator, the caller's. */
static ssp_status call(ssp_op op, const ssp_value* args, uint32_t n, ssp_tensor* out) {
  ssp_value result = {SSP_V_NONE, 0, {{0}}};
  uint32_t n_results = 1;
  TRY(ops->call(op, args, n, &result, &n_results));
  *out = result.u.tensor;
  return SSP_OK;
}

static ssp_str schema(void) {
  return TEXT(
      "{\"type\": \"object\", \"properties\": {\"type\": {\"type\": \"string\"},"
      " \"code\": {\"type\": \"integer\", \"minimum\": 1, \"default\": 16}}}");
}

static ssp_status defaults(ssp_build* build, const ssp_sink* json) {
  static const char text[] =
      "{\"data_preprocessor\": {\"mean\": [127.5], \"std\": [127.5]}, \"train_dataloader\": {\"batch_size\": 16},"
      " \"optim_wrapper\": {\"optimizer\": {\"type\": \"AdamW\", \"lr\": 0.002}}}";
  (void)build;
  return json->bytes(json, text, sizeof text - 1);
}

static ssp_status fact(ssp_build* build, ssp_str name, int64_t* out) {
  ssp_value v = {SSP_V_NONE, 0, {{0}}};
  TRY(config->fact(build, name, &v));
  if (v.kind != SSP_V_INT) return refuse(SSP_E_CONFIG, "the size and the channels of the images must be known");
  *out = v.u.i;
  return SSP_OK;
}

static ssp_status declare(ssp_build* build, ssp_str name, int64_t rows, int64_t columns, ssp_tensor* out) {
  const int64_t sizes[2] = {rows, columns};
  const ssp_init init = {.struct_size = sizeof init, .kind = SSP_INIT_XAVIER_UNIFORM};
  const ssp_param_desc desc = {.struct_size = sizeof desc,
                               .dtype = SSP_F32,
                               .name = name,
                               .sizes = sizes,
                               .ndim = 2,
                               .kind = SSP_PARAM,
                               .layer = -1,
                               .init = &init};
  return params->declare(build, &desc, out);
}

static ssp_status create(ssp_build* build, ssp_component* out) {
  int64_t size = 0, channels = 0;
  TRY(fact(build, TEXT("image_size"), &size));
  TRY(fact(build, TEXT("channels"), &channels));
  ssp_value code = {SSP_V_NONE, 0, {{0}}};
  TRY(config->get(build, TEXT("code"), &code));
  const int64_t width = code.kind == SSP_V_INT ? code.u.i : 16, pixels = size * size * channels;
  Autoencoder* self = calloc(1, sizeof *self);
  if (!self) return refuse(SSP_E_MEMORY, "out of memory");
  ssp_status status = declare(build, TEXT("encoder.weight"), width, pixels, &self->encoder);
  if (status == SSP_OK) status = declare(build, TEXT("decoder.weight"), pixels, width, &self->decoder);
  if (status != SSP_OK) {
    if (self->encoder.id) ops->release(self->encoder);
    free(self);
    return status;
  }
  *out = self;
  return SSP_OK;
}

static void destroy(ssp_component component) {
  Autoencoder* self = component;
  ops->release(self->encoder);
  ops->release(self->decoder);
  free(self);
}

/* images [B, C, H, W] -> pixels [B, C H W] and code [B, width], both the caller's. */
static ssp_status encode(const Autoencoder* self, ssp_tensor images, ssp_tensor* pixels, ssp_tensor* code) {
  const ssp_value flat[] = {tensor(images), whole(1)};
  TRY(call(flatten, flat, 2, pixels));
  const ssp_value args[] = {tensor(*pixels), tensor(self->encoder)};
  const ssp_status status = call(linear, args, 2, code);
  if (status != SSP_OK) ops->release(*pixels);
  return status;
}

static ssp_status training_step(ssp_component component, ssp_call* step, const ssp_batch* batch, const ssp_sink* out) {
  const Autoencoder* self = component;
  ssp_tensor pixels, code, rebuilt = {0}, loss = {0}, average = {0};
  TRY(encode(self, batch->views[0], &pixels, &code));
  const ssp_value decoded[] = {tensor(code), tensor(self->decoder)};
  ssp_status status = call(linear, decoded, 2, &rebuilt);
  /* The loss in fp32, whatever the run's precision. */
  if (status == SSP_OK) status = ops->autocast_push(step, 0, 0);
  if (status == SSP_OK) {
    const ssp_value compared[] = {tensor(rebuilt), tensor(pixels)}, of_code[] = {tensor(code)};
    status = call(mse_loss, compared, 2, &loss);
    if (status == SSP_OK) status = call(mean, of_code, 1, &average);
    ops->state_pop(step);
  }
  if (status == SSP_OK) status = out->tensor(out, TEXT("loss"), loss, SSP_EMIT_LOSS);
  if (status == SSP_OK) status = out->tensor(out, TEXT("code"), average, SSP_EMIT_METRIC);
  const ssp_tensor mine[] = {pixels, code, rebuilt, loss, average};
  for (size_t i = 0; i < sizeof mine / sizeof *mine; ++i)
    if (mine[i].id) ops->release(mine[i]);
  return status;
}

static ssp_status features(ssp_component component, ssp_call* step, ssp_tensor images, const ssp_str* layers,
                           uint32_t n, const ssp_sink* out) {
  const ssp_str name = TEXT("code");
  (void)step;
  if (n > 1 || (n == 1 && (layers[0].size != name.size || memcmp(layers[0].data, name.data, name.size) != 0)))
    return refuse(SSP_E_CONFIG, "the only feature is \"code\"");
  ssp_tensor pixels, code;
  TRY(encode(component, images, &pixels, &code));
  const ssp_status status = out->tensor(out, name, code, 0);
  ops->release(pixels);
  ops->release(code);
  return status;
}

static const ssp_algorithm table = {.struct_size = sizeof table,
                                    .caps = SSP_CAP_CAPTURABLE,
                                    .schema = schema,
                                    .defaults = defaults,
                                    .create = create,
                                    .destroy = destroy,
                                    .training_step = training_step,
                                    .features = features};

static ssp_status init(const ssp_host* given) {
  host = given;
  ops = host->get_extension(host, SSP_EXT_OPS);
  params = host->get_extension(host, SSP_EXT_PARAMS);
  config = host->get_extension(host, SSP_EXT_CONFIG);
  if (!SSP_HAS(ssp_ops, ops, autocast_push) || !SSP_HAS(ssp_params, params, declare) ||
      !SSP_HAS(ssp_config, config, fact))
    return refuse(SSP_E_UNSUPPORTED, "this host offers no tensors, parameters or configuration");
  TRY(ops->resolve(host, "aten::flatten", "using_ints", "self,start_dim", &flatten));
  TRY(ops->resolve(host, "aten::linear", "", "input,weight", &linear));
  TRY(ops->resolve(host, "aten::mse_loss", "", "self,target", &mse_loss));
  return ops->resolve(host, "aten::mean", "", "self", &mean);
}
static void shutdown(void) {}
static ssp_status get_factory(ssp_str kind, ssp_str name, const void** out) {
  const ssp_str own_kind = TEXT(SSP_KIND_ALGORITHM), own_name = TEXT("LinearAutoencoder");
  if (kind.size != own_kind.size || memcmp(kind.data, own_kind.data, kind.size) != 0 || name.size != own_name.size ||
      memcmp(name.data, own_name.data, name.size) != 0)
    return refuse(SSP_E_UNSUPPORTED, "this plugin has the algorithm LinearAutoencoder, and nothing else");
  *out = &table;
  return SSP_OK;
}

__attribute__((visibility("default")))
const ssp_plugin_entry ssp_plugin_v1 = {sizeof(ssp_plugin_entry), SSP_ABI_MINOR, init, shutdown, get_factory};
