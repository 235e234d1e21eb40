/* The probe's policy: a transform in edits only, which asks for kinds and appends others if it is told to. */
#include "probe.h"

typedef struct Policy {
  char fault[32];
} Policy;

static ssp_status policy_create(ssp_build* b, ssp_component* out) {
  const ssp_edits* edits = host->get_extension(host, SSP_EXT_EDIT);
  if (!SSP_HAS(ssp_edits, edits, need)) return fail("this host draws no edits");
  Policy* state = calloc(1, sizeof *state);
  *out = state;
  TRY(text_of(b, "fault", state->fault, sizeof state->fault));
  const uint32_t kinds[] = {SSP_EDIT_CROP_RESIZE, SSP_EDIT_INVERT, 99};
  return edits->need(b, kinds, strcmp(state->fault, "kind") == 0 ? 3 : 2);
}
static void policy_destroy(ssp_component c) { free(c); }

/* Two views of the first image: cropped, and cropped and inverted. */
static ssp_status policy_apply(ssp_component c, const ssp_sample_api* api, ssp_sample* s) {
  const Policy* state = c;
  ssp_sample_info info = {.struct_size = sizeof info};
  TRY(api->info(s, &info));
  if (strcmp(state->fault, "sample") == 0 && info.index % 10 == 3) {
    host->set_error(host, str("too dark"));
    return SSP_E_SAMPLE;
  }
  const ssp_edit crop = {SSP_EDIT_CROP_RESIZE, SSP_EDIT_NEAREST, {0, 0, 2, 2, 2, 2}},
                 invert = {SSP_EDIT_INVERT, 0, {0}};
  const ssp_edit blur = {SSP_EDIT_BLUR, 0, {1}};
  TRY(api->edit(s, 0, &crop, 1));
  TRY(api->append_copy(s, 0));
  TRY(api->edit(s, 1, &invert, 1));
  if (strcmp(state->fault, "undeclared") == 0) TRY(api->edit(s, 1, &blur, 1));
  return SSP_OK;
}
const ssp_transform policy_table = {sizeof policy_table, 0, empty_schema, policy_create, policy_destroy, policy_apply};
