/* A kind between plugins: the probe asks for a target and calls it through its own table. */
#include <stdio.h>

#include "probe.h"

typedef struct Answer {
  int64_t value;
} Answer;

static ssp_str target_schema(void) {
  return str(
      "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"value\":{\"type\":\"integer\"}},"
      "\"required\":[\"value\"]}");
}
static ssp_status target_create(ssp_build* b, ssp_component* out) {
  ssp_value value;
  TRY(config->get(b, str("value"), &value));
  Answer* a = calloc(1, sizeof *a);
  a->value = value.u.i;
  *out = a;
  return SSP_OK;
}
static void target_destroy(ssp_component c) {
  const ssp_log* log = host->get_extension(host, SSP_EXT_LOG);
  log->write(host, SSP_LOG_INFO, str("target destroyed"));
  free(c);
}
static int64_t target_answer(ssp_component c) { return ((Answer*)c)->value; }
const Target target_table = {sizeof target_table, 0, target_schema, target_create, target_destroy, target_answer};
