/* A plugin in plain C for the tests of the bridge: small components that do what they should, or, asked by their
 * configuration ("fault"), one thing that they should not. This file: the entry and what the others share. */
#include "probe.h"

const ssp_host* host;
const ssp_ops* ops;
const ssp_params* params;
const ssp_config* config;
const ssp_registry* registry;
const ssp_calls* calls;
const ssp_rng* rng;

ssp_op op_mm, op_mean, op_flatten, op_pow, op_detach, op_add_, op_mul_, op_unsqueeze;

ssp_str str(const char* s) {
  ssp_str r = {s, strlen(s)};
  return r;
}
int same(ssp_str a, const char* b) { return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0; }

ssp_status fail(const char* text) {
  host->set_error(host, str(text));
  return SSP_E_PLUGIN;
}

ssp_value tensor(ssp_tensor t) {
  ssp_value v = {SSP_V_TENSOR, 0, {.tensor = t}};
  return v;
}
ssp_value integer(int64_t i) {
  ssp_value v = {SSP_V_INT, 0, {.i = i}};
  return v;
}
ssp_status call(ssp_op op, const ssp_value* args, uint32_t n, ssp_tensor* out) {
  ssp_value result;
  uint32_t count = 1;
  TRY(ops->call(op, args, n, &result, &count));
  *out = result.u.tensor;
  return SSP_OK;
}

ssp_status text_of(ssp_build* b, const char* key, char* out, size_t room) {
  ssp_value v;
  TRY(config->get(b, str(key), &v));
  out[0] = 0;
  if (v.kind == SSP_V_STR && v.count < room) {
    memcpy(out, v.u.s, v.count);
    out[v.count] = 0;
  }
  return SSP_OK;
}

ssp_status declare(ssp_build* b, const char* name, uint32_t kind, const int64_t* sizes, uint32_t ndim,
                   ssp_tensor* out) {
  const ssp_init init = {sizeof init, SSP_INIT_NORMAL, 0, 0.5, 0, 0, 0, 0, NULL, 0};
  const ssp_param_desc desc = {sizeof desc, SSP_F32, str(name), sizes, ndim, kind, 0, -1, &init};
  return params->declare(b, &desc, out);
}

ssp_str empty_schema(void) { return str("{\"type\":\"object\"}"); }

static ssp_status resolve(const char* name, const char* overload, const char* args, ssp_op* out) {
  return ops->resolve(host, name, overload, args, out);
}
static ssp_status resolve_all(void) {
  TRY(resolve("aten::mm", "", "self,mat2", &op_mm));
  TRY(resolve("aten::mean", "", "self", &op_mean));
  TRY(resolve("aten::flatten", "using_ints", "self,start_dim,end_dim", &op_flatten));
  TRY(resolve("aten::pow", "Tensor_Scalar", "self,exponent", &op_pow));
  TRY(resolve("aten::detach", "", "self", &op_detach));
  TRY(resolve("aten::add_", "Tensor", "self,other", &op_add_));
  TRY(resolve("aten::mul_", "Scalar", "self,other", &op_mul_));
  return resolve("aten::unsqueeze", "", "self,dim", &op_unsqueeze);
}
static ssp_status init(const ssp_host* h) {
  host = h;
  ops = h->get_extension(h, SSP_EXT_OPS);
  params = h->get_extension(h, SSP_EXT_PARAMS);
  config = h->get_extension(h, SSP_EXT_CONFIG);
  registry = h->get_extension(h, SSP_EXT_REGISTRY);
  calls = h->get_extension(h, SSP_EXT_CALL);
  rng = h->get_extension(h, SSP_EXT_RNG);
  if (!ops || !params || !config || !registry || !calls || !rng) return SSP_E_UNSUPPORTED;
  return resolve_all();
}
static void shut_down(void) {}
static ssp_status get_factory(ssp_str kind, ssp_str name, const void** table) {
  const struct {
    const char *kind, *name;
    const void* table;
  } all[] = {{SSP_KIND_ALGORITHM, "Probe", &probe_table},
             {SSP_KIND_ALGORITHM, "ProbeAsks", &asks_table},
             {SSP_KIND_BACKBONE_TOKENS, "ProbeTokens", &tokens_table},
             {SSP_KIND_BACKBONE, "ProbeBackbone", &backbone_table},
             {SSP_KIND_BACKBONE, "ProbeLoop", &loop_table},
             {SSP_KIND_TRANSFORM, "ProbeInvert", &invert_table},
             {SSP_KIND_TRANSFORM, "ProbePolicy", &policy_table},
             {KIND_TARGET, "ProbeTarget", &target_table}};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
    if (same(kind, all[i].kind) && same(name, all[i].name)) return *table = all[i].table, SSP_OK;
  return SSP_E_UNSUPPORTED;
}
__attribute__((visibility("default")))
const ssp_plugin_entry ssp_plugin_v1 = {sizeof ssp_plugin_v1, SSP_ABI_MINOR, init, shut_down, get_factory};
