/* The probe's transform: inverts every image, appends a small grey one, sets a field. */
#include "probe.h"

typedef struct Invert {
  char fault[32];
} Invert;

static ssp_status invert_create(ssp_build* b, ssp_component* out) {
  ssp_tensor t;
  const int64_t one[1] = {1};
  *out = NULL;
  if (declare(b, "x", SSP_PARAM, one, 1, &t) != SSP_E_PRECONDITION) return fail("a transform declared a parameter");
  Invert* state = calloc(1, sizeof *state);
  *out = state;
  return text_of(b, "fault", state->fault, sizeof state->fault);
}
static void invert_destroy(ssp_component c) { free(c); }
static ssp_status invert_apply(ssp_component c, const ssp_sample_api* api, ssp_sample* s) {
  const Invert* state = c;
  ssp_sample_info info = {.struct_size = sizeof info};
  TRY(api->info(s, &info));
  if (strcmp(state->fault, "fail") == 0) return fail("the transform was told to fail");
  if (strcmp(state->fault, "config") == 0) return host->set_error(host, str("no such image")), SSP_E_CONFIG;
  for (uint32_t i = 0; i < info.images; ++i) {
    ssp_image in = {.struct_size = sizeof in}, out = {.struct_size = sizeof out};
    TRY(api->get(s, i, &in));
    out.dtype = SSP_U8;
    out.height = in.height;
    out.width = in.width;
    out.channels = in.channels;
    TRY(api->alloc(s, &out));
    const uint8_t* from = in.data;
    uint8_t* to = out.data;
    for (int64_t y = 0; y < in.height; ++y)
      for (int64_t x = 0; x < in.width * (int64_t)in.channels; ++x)
        to[y * out.row_stride + x] = (uint8_t)(255 - from[y * in.row_stride + x]);
    TRY(api->replace(s, i, &out));
    if (api->replace(s, i, &out) != SSP_E_ARGUMENT) return fail("one image was given twice");
  }
  ssp_image small = {.struct_size = sizeof small, .channels = 1, .dtype = SSP_U8, .height = 2, .width = 2};
  TRY(api->alloc(s, &small));
  memset(small.data, 7, 4);
  TRY(api->append(s, &small));
  ssp_tensor none = {0};
  ssp_value value = tensor(none), out;
  uint32_t one = 1;
  if (ops->call(op_mean, &value, 1, &out, &one) != SSP_E_PRECONDITION) return fail("a transform called an operator");
  ssp_op late = NULL;
  if (ops->resolve(host, "aten::exp", "", "self", &late) != SSP_E_PRECONDITION) return fail("a transform resolved");
  const int64_t drawn = (int64_t)(api->random64(s, 0) >> 1), sizes[1] = {1};
  return api->set_field(s, str("drawn"), -1, SSP_I64, sizes, 1, &drawn);
}
const ssp_transform invert_table = {sizeof invert_table, 0, empty_schema, invert_create, invert_destroy, invert_apply};
