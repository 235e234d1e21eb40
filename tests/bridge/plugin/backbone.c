/* The probe's backbones: one gives its images as a map and their mean as a vector, one asks for itself. */
#include "probe.h"

typedef struct Backbone {
  char fault[32];
} Backbone;

static ssp_str backbone_schema(void) {
  return str(
      "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"fault\":{\"type\":\"string\"},"
      "\"heads\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"dim\":{\"type\":\"integer\"}}}}}"
      "}");
}
static ssp_status backbone_create(ssp_build* b, ssp_component* out) {
  Backbone* backbone = calloc(1, sizeof *backbone);
  *out = backbone;
  return text_of(b, "fault", backbone->fault, sizeof backbone->fault);
}
static void backbone_destroy(ssp_component c) { free(c); }

static ssp_status tell(const ssp_layer_sink* sink, const char* name, uint32_t shape, uint32_t flags, int64_t side) {
  const ssp_layer_info info = {sizeof info, shape, flags, 0, str(name), 1, side, side, 0};
  return sink->layer(sink, &info);
}
static ssp_status backbone_layers(ssp_component c, int64_t h, int64_t w, const ssp_layer_sink* sink) {
  const Backbone* b = c;
  const uint32_t main_map = strcmp(b->fault, "no_main") == 0 ? 0 : SSP_LAYER_MAIN;
  const uint32_t main_mean = strcmp(b->fault, "two_mains") == 0 ? SSP_LAYER_MAIN : 0;
  (void)w;
  TRY(tell(sink, "map", SSP_SHAPE_MAP, main_map, h));
  if (strcmp(b->fault, "told_twice") == 0) TRY(tell(sink, "map", SSP_SHAPE_MAP, 0, h));
  if (strcmp(b->fault, "no_shape") == 0) TRY(tell(sink, "x", 0, 0, h));
  if (strcmp(b->fault, "bad_name") == 0) TRY(tell(sink, "a b", SSP_SHAPE_MAP, 0, h));
  return tell(sink, "mean", SSP_SHAPE_VECTOR, main_mean, 0);
}
static ssp_status backbone_forward(ssp_component c, ssp_call* at, const ssp_forward* request) {
  const Backbone* b = c;
  const ssp_sink* sink = request->layers;
  (void)at;
  if (request->n_names == 0) TRY(sink->tensor(sink, str("map"), request->images, 0));
  if (strcmp(b->fault, "all") == 0) TRY(sink->tensor(sink, str("mean"), request->images, 0));
  if (strcmp(b->fault, "nothing") == 0) return SSP_OK;
  for (uint32_t i = 0; i < request->n_names; ++i) TRY(sink->tensor(sink, request->names[i], request->images, 0));
  return SSP_OK;
}
const ssp_backbone backbone_table = {
    sizeof backbone_table, 0,   backbone_schema, backbone_create, backbone_destroy, backbone_layers,
    backbone_forward,      NULL};

static ssp_status loop_create(ssp_build* b, ssp_component* out) {
  const void* table;
  ssp_component child;
  (void)out;
  return registry->create(b, SSP_KIND_BACKBONE, &table, &child);
}
const ssp_backbone loop_table = {sizeof loop_table, 0,   empty_schema, loop_create, backbone_destroy, backbone_layers,
                                 backbone_forward,  NULL};
