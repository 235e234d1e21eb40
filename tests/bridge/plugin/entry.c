/* A plugin that resolves OPERATOR (name, overload, arguments) in init, and says in the log what of it ran. */
#include <stdio.h>
#include <string.h>

#include "ssp/abi.h"

static const ssp_host* host;
static const ssp_ops* ops;
static const ssp_log* logs;

static void say(const char* callback) {
  /* Too late everywhere but in init. */
  ssp_op op = NULL;
  char text[64];
  const ssp_status status = ops->resolve(host, "aten::exp", "", "self", &op);
  const int n = snprintf(text, sizeof text, "%s: resolve gives %d", callback, (int)status);
  logs->write(host, SSP_LOG_INFO, (ssp_str){text, (uint64_t)n});
}

static ssp_str schema(void) { return (ssp_str){"{\"type\":\"object\"}", 17}; }
static ssp_status create(ssp_build* b, ssp_component* out) { return (void)b, (void)out, SSP_OK; }
static void destroy(ssp_component c) { (void)c; }
static ssp_status layers(ssp_component c, int64_t h, int64_t w, const ssp_layer_sink* sink) {
  return (void)c, (void)h, (void)w, (void)sink, SSP_OK;
}
static ssp_status forward(ssp_component c, ssp_call* call, const ssp_forward* request) {
  return (void)c, (void)call, (void)request, SSP_OK;
}
static const ssp_backbone table = {sizeof table, 0, schema, create, destroy, layers, forward, NULL};

static ssp_status init(const ssp_host* h) {
  ssp_op op;
  host = h;
  ops = host->get_extension(host, SSP_EXT_OPS);
  logs = host->get_extension(host, SSP_EXT_LOG);
  if (!ops || !logs) return SSP_E_UNSUPPORTED;
  say("init");
  return ops->resolve(host, OPERATOR, &op);
}
static void shut_down(void) { say("shutdown"); }
static ssp_status get_factory(ssp_str kind, ssp_str name, const void** out) {
  (void)kind, (void)name;
  say("get_factory");
  return *out = &table, SSP_OK;
}
__attribute__((visibility("default")))
const ssp_plugin_entry ssp_plugin_v1 = {sizeof ssp_plugin_v1, SSP_ABI_MINOR, init, shut_down, get_factory};
